// SPDX-License-Identifier: Apache-2.0
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { messageOf } from '../../runtime-core/errors.ts'
import { removeCgroups, unmountBelow } from '../bench/peers/leftovers.ts'
import { type DaemonOptions, DaemonUnderTest } from '../harness/daemon.ts'
import { KubeApi } from './api.ts'
import { freePort } from './component.ts'
import { ControlPlane } from './control-plane.ts'
import { eventually } from './eventually.ts'
import { HostSettings } from './host-settings.ts'
import { ClusterRegistries } from './images.ts'
import { Kubelet, type KubeletSettings, NODE_NAME } from './kubelet.ts'
import type { Node } from './objects.ts'
import { requirePrograms } from './programs.ts'
import { Prometheus } from './prometheus.ts'
import { loseRuntimeState } from './reboot.ts'

/** How a cluster differs from the ordinary. */
export interface ClusterOptions {
  /** Fields of the kubelet's configuration over those of the harness. */
  readonly settings?: KubeletSettings
  readonly daemon?: Partial<DaemonOptions>
  /** The runtime's files stand on the disk, where its peer's do, and not in a memory of their own. */
  readonly onDisk?: boolean
  /** With a Prometheus that scrapes from the beginning; a peer has not the metrics that our rules are about. */
  readonly scraped?: boolean
  /** Where the logs of all programs go at the end. */
  readonly logs?: string
  /** Called with a line for each step, for who waits. */
  readonly report?: (line: string) => void
}

/** The file system of images and containers is small enough to be filled up. */
const ROOT_SIZE = '1g'
const NODE_TIMEOUT_MS = 60_000

/**
 * A cluster of one node on loopback: control plane, kubelet and the runtime under test, with everything of it in one
 * private directory. With GANTRY_E2E_PEER=containerd the runtime is containerd, which tells whether a scenario is right.
 */
export class Cluster implements AsyncDisposable {
  readonly daemon: DaemonUnderTest
  readonly plane: ControlPlane
  readonly kubelet: Kubelet
  /** The kubelet's own API: the API server lets nobody pass to a node on a loopback address. */
  readonly nodeApi: KubeApi
  readonly prometheus: Prometheus | undefined
  readonly #undo: AsyncDisposableStack

  private constructor(
    parts: Pick<Cluster, 'daemon' | 'plane' | 'kubelet' | 'nodeApi' | 'prometheus'>,
    undo: AsyncDisposableStack,
  ) {
    this.daemon = parts.daemon
    this.plane = parts.plane
    this.kubelet = parts.kubelet
    this.nodeApi = parts.nodeApi
    this.prometheus = parts.prometheus
    this.#undo = undo
  }

  /** Starts everything; ready when the node is. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const report = options.report ?? (() => undefined)
    await requirePrograms()
    const host = await HostSettings.read()
    const undo = new AsyncDisposableStack()
    try {
      const metrics = `127.0.0.1:${await freePort()}`
      const daemon = undo.use(await startDaemon(metrics, options))
      if (options.logs !== undefined) undo.defer(copyLogs(daemon.directory, options.logs))
      undo.use(await ClusterRegistries.start(daemon.directory, join(daemon.directory, 'certs.d')))
      report('the runtime answers')
      const plane = await ControlPlane.start(join(daemon.directory, 'plane'))
      undo.defer(() => plane.stop())
      report('the API server is ready')
      undo.defer(() => host.restore(daemon.directory))
      const kubelet = await prepareKubelet(daemon, plane, options.settings ?? {})
      undo.defer(() => stopNode(daemon, kubelet))
      await kubelet.start()
      const { admin, authority } = plane.files
      const nodeApi = await KubeApi.create(kubelet.endpoint, admin, authority.certFile)
      undo.defer(() => nodeApi.close())
      const targets = { daemon: metrics, kubelet: kubelet.endpoint, plane: plane.files }
      const isScraped = options.scraped === true && !daemon.isPeer
      const prometheus = isScraped ? await Prometheus.start(join(daemon.directory, 'prometheus'), targets) : undefined
      undo.defer(() => prometheus?.stop())
      const cluster = new Cluster({ daemon, plane, kubelet, nodeApi, prometheus }, undo)
      await cluster.waitForNode()
      report('the node is ready')
      return cluster
    } catch (error) {
      await undo.disposeAsync().catch((problem: unknown) => report(messageOf(problem)))
      throw error
    }
  }

  get api(): KubeApi {
    return this.plane.api
  }

  /** Waits until the node is Ready, seen after `since` (milliseconds since the epoch). */
  async waitForNode(since = 0): Promise<Node> {
    let said = 'it does not exist'
    const ready = async (): Promise<Node | undefined> => {
      const node = await this.api.get<Node>(`/api/v1/nodes/${NODE_NAME}`)
      const condition = node.status.conditions?.find(({ type }) => type === 'Ready')
      said = condition?.message ?? 'no condition Ready'
      const seen = Date.parse(condition?.lastHeartbeatTime ?? '')
      // The API gives whole seconds.
      return condition?.status === 'True' && seen + 1000 > since ? node : undefined
    }
    return eventually('the node is ready', ready, { timeoutMs: NODE_TIMEOUT_MS, state: () => said })
  }

  /** Ends the kubelet, changes its configuration and starts it again; the pods go on. */
  async restartKubelet(change: KubeletSettings = {}, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.kubelet.stop(signal)
    await this.kubelet.configure(change)
    const since = Date.now()
    await this.kubelet.start()
    await this.waitForNode(since)
  }

  /** What a node loses in a reboot is lost; disks, and with them images and records, stay. */
  async reboot(): Promise<void> {
    const { daemon, kubelet } = this
    await kubelet.stop('SIGKILL')
    await daemon.kill('SIGKILL')
    await loseRuntimeState(daemon.marks, daemon.state)
    await unmountBelow(join(daemon.directory, 'kubelet'))
    await makeCgroups(daemon.marks.cgroup)
    await daemon.restart()
    const since = Date.now()
    await kubelet.start()
    await this.waitForNode(since)
  }

  /** Ends everything and takes it away; whatever the runtime left behind is an error. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo.disposeAsync()
  }
}

function startDaemon(metrics: string, { onDisk, daemon = {} }: ClusterOptions): Promise<DaemonUnderTest> {
  const small = onDisk === true ? {} : { rootSize: ROOT_SIZE }
  const flags = { 'metrics-listen': metrics, ...daemon.flags }
  return DaemonUnderTest.start({ network: 'bridge', ...small, ...daemon, flags })
}

async function prepareKubelet(
  daemon: DaemonUnderTest,
  plane: ControlPlane,
  settings: KubeletSettings,
): Promise<Kubelet> {
  await makeCgroups(daemon.marks.cgroup)
  return Kubelet.prepare({
    directory: join(daemon.directory, 'kubelet'),
    runtimeEndpoint: `unix://${daemon.socket}`,
    cgroup: daemon.marks.cgroup,
    plane: { authority: plane.files.authority, server: plane.files.server },
    settings,
  })
}

/** The kubelet goes first, or it would start its pods again; then what it mounted and made. */
async function stopNode({ directory, marks, running, workloads }: DaemonUnderTest, kubelet: Kubelet): Promise<void> {
  await kubelet.stop()
  if (running) await workloads.removeAllPods()
  await unmountBelow(join(directory, 'kubelet'))
  await removeCgroups(marks.cgroup)
}

function copyLogs(from: string, to: string): () => Promise<void> {
  return async () => {
    await mkdir(to, { recursive: true })
    const names = await readdir(from, { recursive: true })
    const logs = names.filter((name) => /^(plane\/|kubelet\/|prometheus\/)?[^/]+\.log$/.test(name))
    for (const name of logs) await copyFile(join(from, name), join(to, basename(name)))
  }
}

/** A kubelet refuses a cgroup root that is not there in every hierarchy. */
async function makeCgroups(name: string): Promise<void> {
  const root = '/sys/fs/cgroup'
  const hierarchies = (await readdir(root, { withFileTypes: true })).filter((entry) => entry.isDirectory())
  // With cgroup v2 alone, the folders there are groups, not hierarchies.
  const unified = (await readdir(root)).includes('cgroup.controllers')
  const tops = unified ? [root] : hierarchies.map((entry) => join(root, entry.name))
  for (const top of tops) await mkdir(join(top, name), { recursive: true })
  if (unified) await writeFile(join(root, 'cgroup.subtree_control'), '+cpu +cpuset +memory +pids +io')
}
