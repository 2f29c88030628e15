// SPDX-License-Identifier: Apache-2.0
import { ApiError, type KubeApi, type KubeObject } from './api.ts'
import type { Cluster } from './cluster.ts'
import { eventually } from './eventually.ts'
import { Kubectl } from './kubectl.ts'
import type { ContainerStatus, KubeEvent, List, Pod } from './objects.ts'
import { describePod } from './pod-text.ts'

/** Where a kind's objects stand in the API. */
const COLLECTIONS: Readonly<Record<string, string>> = {
  ConfigMap: '/api/v1/namespaces/NS/configmaps',
  Deployment: '/apis/apps/v1/namespaces/NS/deployments',
  Job: '/apis/batch/v1/namespaces/NS/jobs',
  Pod: '/api/v1/namespaces/NS/pods',
  RuntimeClass: '/apis/node.k8s.io/v1/runtimeclasses',
  Secret: '/api/v1/namespaces/NS/secrets',
}

/** A namespace of its own for one scenario, and what scenarios do in it. */
export class Workspace implements AsyncDisposable {
  readonly cluster: Cluster
  readonly namespace: string
  readonly kubectl: Kubectl

  private constructor(cluster: Cluster, namespace: string) {
    this.cluster = cluster
    this.namespace = namespace
    this.kubectl = new Kubectl(cluster.plane.files.adminKubeconfig, namespace)
  }

  /** Makes the namespace; ready when pods can be made in it. */
  static async create(cluster: Cluster, name: string): Promise<Workspace> {
    await cluster.api.create('/api/v1/namespaces', { metadata: { name } })
    const account = `/api/v1/namespaces/${name}/serviceaccounts/default`
    await eventually(`${name} has its service account`, () => cluster.api.get(account).then(Boolean, isMissing))
    return new Workspace(cluster, name)
  }

  get api(): KubeApi {
    return this.cluster.api
  }

  /** Makes an object of a kind of the table above. */
  async create(object: KubeObject & { readonly kind: string }): Promise<KubeObject> {
    return this.api.create(this.#collection(object.kind), object)
  }

  /** Makes a pod and returns its name. It is not automatically restarted unless `spec` says so. */
  async pod(name: string, spec: Readonly<Record<string, unknown>>, metadata: object = {}): Promise<string> {
    const standard = { restartPolicy: 'Never', terminationGracePeriodSeconds: 2, enableServiceLinks: false }
    await this.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, ...metadata },
      spec: { ...standard, ...spec },
    } as KubeObject & { kind: string })
    return name
  }

  getPod(name: string): Promise<Pod> {
    return this.api.get<Pod>(this.pathOf('Pod', name))
  }

  async pods(selector = ''): Promise<readonly Pod[]> {
    const query = selector === '' ? '' : `?labelSelector=${encodeURIComponent(selector)}`
    return (await this.api.get<List<Pod>>(`${this.#collection('Pod')}${query}`)).items
  }

  pathOf(kind: string, name: string): string {
    return `${this.#collection(kind)}/${name}`
  }

  /** Waits until a pod is as `holds` says; what it last was is in the error. */
  async until(name: string, what: string, holds: (pod: Pod) => boolean, timeoutMs?: number): Promise<Pod> {
    let last: Pod | undefined
    const probe = async (): Promise<Pod | undefined> => {
      last = await this.getPod(name)
      return holds(last) ? last : undefined
    }
    const state = async (): Promise<string> => `${describePod(last)}\n${await this.eventsText(name)}`
    return eventually(`pod ${name} ${what}`, probe, { state, ...(timeoutMs === undefined ? {} : { timeoutMs }) })
  }

  ready(name: string, timeoutMs?: number): Promise<Pod> {
    return this.until(name, 'is ready', isReady, timeoutMs)
  }

  /** Waits for a pod's end by itself. */
  ended(name: string, timeoutMs?: number): Promise<Pod> {
    const isOver = ({ status }: Pod): boolean => status.phase === 'Succeeded' || status.phase === 'Failed'
    return this.until(name, 'has ended', isOver, timeoutMs)
  }

  /** Waits until a container of a pod waits for a reason such as ErrImagePull; returns its message. */
  async waiting(name: string, reason: string, timeoutMs?: number): Promise<string> {
    const find = ({ status }: Pod): ContainerStatus | undefined =>
      status.containerStatuses?.find(({ state }) => state.waiting?.reason === reason)
    const pod = await this.until(name, `waits by ${reason}`, (now) => find(now) !== undefined, timeoutMs)
    return find(pod)?.state.waiting?.message ?? ''
  }

  async gone(name: string, timeoutMs?: number): Promise<void> {
    let last: Pod | undefined
    const probe = async (): Promise<boolean> => {
      last = await this.getPod(name).catch((error: unknown) => {
        if (error instanceof ApiError && error.status === 404) return undefined
        throw error
      })
      return last === undefined
    }
    const patience = timeoutMs === undefined ? {} : { timeoutMs }
    await eventually(`pod ${name} is gone`, probe, { ...patience, state: () => describePod(last) })
  }

  /** Deletes a pod as kubectl would, and waits until the kubelet has said that nothing of it runs. */
  async deletePod(name: string, gracePeriodSeconds?: number): Promise<void> {
    await this.api.delete(this.pathOf('Pod', name), gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds })
    await this.gone(name)
  }

  logs(name: string, ...args: string[]): Promise<string> {
    return this.kubectl.run(['logs', name, ...args])
  }

  /** Runs a command in a pod; `-c NAME` may stand before it. */
  exec(name: string, ...args: string[]): Promise<string> {
    const at = args[0] === '-c' ? 2 : 0
    return this.kubectl.run(['exec', name, ...args.slice(0, at), '--', ...args.slice(at)])
  }

  async events(name: string): Promise<readonly KubeEvent[]> {
    const path = `/api/v1/namespaces/${this.namespace}/events?fieldSelector=involvedObject.name%3D${name}`
    return (await this.api.get<List<KubeEvent>>(path)).items
  }

  /** Waits for an event about a pod; returns its message. */
  async event(name: string, reason: string, timeoutMs?: number): Promise<string> {
    const probe = async (): Promise<string | undefined> =>
      (await this.events(name)).find((event) => event.reason === reason)?.message
    const state = (): Promise<string> => this.eventsText(name)
    const patience = timeoutMs === undefined ? { state } : { state, timeoutMs }
    return eventually(`pod ${name} has the event ${reason}`, probe, patience)
  }

  async eventsText(name: string): Promise<string> {
    return (await this.events(name)).map(({ reason, message }) => `  ${reason}: ${message}`).join('\n')
  }

  /** Deletes the namespace, and waits until its pods are gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.api.delete(`/api/v1/namespaces/${this.namespace}`)
    const pods = `/api/v1/namespaces/${this.namespace}/pods`
    let left: readonly Pod[] = []
    const none = async (): Promise<boolean> => {
      left = (await this.api.get<List<Pod>>(pods)).items
      return left.length === 0
    }
    const state = (): string => left.map(describePod).join('\n')
    await eventually(`the pods of ${this.namespace} are gone`, none, { state })
  }

  #collection(kind: string): string {
    const path = COLLECTIONS[kind]
    if (path === undefined) throw new Error(`no collection is known of kind ${kind}`)
    return path.replace('NS', this.namespace)
  }
}

/** True where all containers of a pod are ready. */
export function isReady({ status }: Pod): boolean {
  return status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
}

/** The status of a container, whichever of the three lists it stands in. */
export function containerOf({ status, metadata }: Pod, name: string): ContainerStatus {
  const all = [status.initContainerStatuses, status.containerStatuses, status.ephemeralContainerStatuses]
  const found = all.flatMap((list) => list ?? []).find((container) => container.name === name)
  if (found === undefined) throw new Error(`pod ${metadata.name} has no status of container ${name}`)
  return found
}

function isMissing(error: unknown): false {
  if (error instanceof ApiError && error.status === 404) return false
  throw error
}
