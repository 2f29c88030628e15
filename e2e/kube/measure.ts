// SPDX-License-Identifier: Apache-2.0
import type { PeerName } from '../bench/options.ts'
import type { Samples } from '../bench/samples.ts'
import type { KubeObject } from './api.ts'
import type { Cluster } from './cluster.ts'
import { type Histograms, latencyBetween, readHistograms } from './runtime-operations.ts'
import { IDLE, shell } from './scenario.ts'
import { type PodChange, watchPods } from './watch-pods.ts'
import { isReady, Workspace } from './workspace.ts'

const ROUND_TIMEOUT_MS = 180_000
const OPERATIONS = 'kubelet_runtime_operations_duration_seconds'
/** The calls that a pod's way up and down is made of, as the kubelet names them. */
const CALLS = [
  'run_podsandbox',
  'create_container',
  'start_container',
  'stop_container',
  'stop_podsandbox',
  'remove_container',
  'remove_podsandbox',
  'container_status',
  'podsandbox_status',
  'list_podsandbox',
  'list_containers',
]

/** One Deployment of so many pods is made and deleted; how long it took goes to `samples`. */
export async function measureRound(
  cluster: Cluster,
  peer: PeerName,
  { pods, round }: { readonly pods: number; readonly round: number },
  samples: Samples,
): Promise<void> {
  await using workspace = await Workspace.create(cluster, `bench-${round}`)
  const signal = AbortSignal.timeout(ROUND_TIMEOUT_MS)
  const path = `/api/v1/namespaces/${workspace.namespace}/pods`
  const up = new Arrivals(pods)
  const down = new Departures(pods)
  const arrived = watchPods(cluster.api, path, (change) => up.see(change), signal)
  const created = performance.now()
  await Promise.all([arrived, workspace.create(deployment(pods))])
  samples.add(`${pods} pods created to all Ready`, 's', peer, (up.lastMs - created) / 1000)
  for (const ms of up.eachMs) samples.add('  one pod, bound to its node to Ready', 'ms', peer, ms)
  const gone = watchPods(cluster.api, path, (change) => down.see(change), signal)
  const deleted = performance.now()
  await Promise.all([gone, cluster.api.delete(workspace.pathOf('Deployment', 'crowd'))])
  samples.add(`${pods} pods deleted to all gone`, 's', peer, (down.lastMs - deleted) / 1000)
  for (const ms of down.eachMs) samples.add('  one pod, marked deleted to gone', 'ms', peer, ms)
}

/** What the kubelet has measured of its runtime so far. */
export async function runtimeOperations(cluster: Cluster): Promise<Histograms> {
  return readHistograms(await cluster.nodeApi.text('/metrics'), OPERATIONS, 'operation_type')
}

/** Adds the mean of each call since `before`, as the kubelet measured it. */
export async function addOperations(
  cluster: Cluster,
  peer: PeerName,
  before: Histograms,
  samples: Samples,
): Promise<void> {
  const after = await runtimeOperations(cluster)
  for (const call of CALLS) {
    const latency = latencyBetween(before, after, call)
    if (latency !== undefined) samples.add(`kubelet: ${call}, mean`, 'ms', peer, latency.meanMs)
  }
}

/** When pods became Ready, each from the moment at which it had a node. */
class Arrivals {
  readonly #wanted: number
  readonly #boundAt = new Map<string, number>()
  readonly #readyAt = new Map<string, number>()
  lastMs = 0

  constructor(wanted: number) {
    this.#wanted = wanted
  }

  /** True when the last one is ready. */
  see({ pod, atMs }: PodChange): boolean {
    const { name } = pod.metadata
    if (pod.spec.nodeName !== undefined && !this.#boundAt.has(name)) this.#boundAt.set(name, atMs)
    if (isReady(pod) && !this.#readyAt.has(name)) {
      this.#readyAt.set(name, atMs)
      this.lastMs = atMs
    }
    return this.#readyAt.size >= this.#wanted
  }

  get eachMs(): number[] {
    return [...this.#readyAt].map(([name, atMs]) => atMs - (this.#boundAt.get(name) ?? atMs))
  }
}

/** When pods went away, each from the moment at which it was marked. */
class Departures {
  readonly #wanted: number
  readonly #markedAt = new Map<string, number>()
  readonly eachMs: number[] = []
  lastMs = 0

  constructor(wanted: number) {
    this.#wanted = wanted
  }

  /** True when the last one is gone. */
  see({ type, pod, atMs }: PodChange): boolean {
    const { name, deletionTimestamp } = pod.metadata
    if (deletionTimestamp !== undefined && !this.#markedAt.has(name)) this.#markedAt.set(name, atMs)
    if (type === 'DELETED') {
      this.eachMs.push(atMs - (this.#markedAt.get(name) ?? atMs))
      this.lastMs = atMs
    }
    return this.eachMs.length >= this.#wanted
  }
}

function deployment(replicas: number): KubeObject & { readonly kind: string } {
  const spec = {
    replicas,
    selector: { matchLabels: { app: 'crowd' } },
    template: {
      metadata: { labels: { app: 'crowd' } },
      spec: { enableServiceLinks: false, containers: [shell('main', IDLE)] },
    },
  }
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'crowd' }, spec } as KubeObject & {
    kind: string
  }
}
