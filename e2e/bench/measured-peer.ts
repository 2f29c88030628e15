// SPDX-License-Identifier: Apache-2.0
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ContainerConfig, CriClient, PodSandboxConfig } from '../../cri-proto/index.ts'
import { CALLERS, type PeerName } from './options.ts'
import { inParallel } from './parallel.ts'
import type { RunningEndpoint } from './peers/endpoint.ts'
import { type PodNetwork, podConfig } from './workload.ts'

/** A pod that runs, and what it was asked for with: CreateContainer wants that again. */
export interface RunningPod {
  readonly id: string
  readonly config: PodSandboxConfig
}

/** A runtime under measurement: its client, and pods with names of their own. */
export class MeasuredPeer {
  readonly name: PeerName
  readonly client: CriClient
  readonly endpoint: RunningEndpoint
  /** Relative to the hierarchies' tops; a slash in front. */
  readonly cgroupParent: string
  readonly #logRoot: string
  #serial = 0

  constructor(
    name: PeerName,
    client: CriClient,
    endpoint: RunningEndpoint,
    place: { logRoot: string; cgroup: string },
  ) {
    this.name = name
    this.client = client
    this.endpoint = endpoint
    this.cgroupParent = `/${place.cgroup}`
    this.#logRoot = place.logRoot
  }

  /** The next pod's configuration, its log directory made, as the kubelet does. */
  async nextPod(network: PodNetwork): Promise<PodSandboxConfig> {
    const name = `bench-${this.name}-${this.#serial++}`
    const logDirectory = join(this.#logRoot, name)
    await mkdir(logDirectory, { recursive: true })
    return podConfig({ name, logDirectory, cgroupParent: this.cgroupParent }, network)
  }

  async runPod(config: PodSandboxConfig): Promise<RunningPod> {
    const { podSandboxId } = await this.client.runtime.runPodSandbox({ config, runtimeHandler: '' })
    return { id: podSandboxId, config }
  }

  async createContainer(pod: RunningPod, config: ContainerConfig): Promise<string> {
    const request = { podSandboxId: pod.id, config, sandboxConfig: pod.config }
    return (await this.client.runtime.createContainer(request)).containerId
  }

  async startContainer(containerId: string): Promise<void> {
    await this.client.runtime.startContainer({ containerId })
  }

  async stopPod(podSandboxId: string): Promise<void> {
    await this.client.runtime.stopPodSandbox({ podSandboxId })
  }

  async removePod(podSandboxId: string): Promise<void> {
    await this.client.runtime.removePodSandbox({ podSandboxId })
  }

  /** Runs `/bin/true` and makes sure that it ran. */
  async execTrue(containerId: string): Promise<void> {
    const { exitCode, stderr } = await this.client.runtime.execSync({ containerId, cmd: ['/bin/true'], timeout: 10n })
    if (exitCode !== 0) throw new Error(`exec "/bin/true": exit code ${exitCode}: ${stderr}`)
  }

  /** Stops and removes every pod the runtime knows. */
  async removeAll(): Promise<void> {
    const { items } = await this.client.runtime.listPodSandbox({})
    await inParallel(CALLERS, items, async ({ id }) => {
      await this.stopPod(id)
      await this.removePod(id)
    })
  }
}
