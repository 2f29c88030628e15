// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  ContainerConfig,
  ContainerState,
  type ContainerStatus,
  type CriClient,
  NamespaceMode,
  PodSandboxConfig,
} from '../../cri-proto/index.ts'
import { type LogLine, parseLog } from './log-lines.ts'
import { IMAGES } from './suite-images.ts'
import { waitFor } from './wait.ts'

/** Where pods of a daemon under test put their logs and cgroups. */
export interface PodPlace {
  readonly logDirectory: string
  readonly cgroupParent: string
}

type PodInit = Parameters<typeof PodSandboxConfig.create>[0]
type ContainerInit = Parameters<typeof ContainerConfig.create>[0]

/** A pod as the kubelet would ask for it, on the host network; `change` replaces whole fields. */
export function podConfig(place: PodPlace, name: string, change: PodInit = {}): PodSandboxConfig {
  return PodSandboxConfig.create({
    metadata: { name, uid: `uid-${name}`, namespace: 'suite', attempt: 0 },
    logDirectory: join(place.logDirectory, name),
    labels: { 'io.kubernetes.pod.name': name },
    annotations: { 'suite/annotation': name },
    linux: { cgroupParent: `${place.cgroupParent}/${name}`, securityContext: { namespaceOptions: HOST_NETWORK } },
    ...change,
  })
}

/** The same pod with a network of its own. */
export function networkedPodConfig(place: PodPlace, name: string, change: PodInit = {}): PodSandboxConfig {
  return podConfig(place, name, {
    hostname: name,
    linux: { cgroupParent: `${place.cgroupParent}/${name}`, securityContext: { namespaceOptions: POD_NETWORK } },
    ...change,
  })
}

/** Namespaces of a pod on the host network, its containers each with processes of their own. */
export const HOST_NETWORK = { network: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER, ipc: NamespaceMode.POD }
export const POD_NETWORK = { network: NamespaceMode.POD, pid: NamespaceMode.CONTAINER, ipc: NamespaceMode.POD }

/** A container of busybox that runs a shell script. */
export function scriptConfig(name: string, script: string, change: ContainerInit = {}): ContainerConfig {
  return containerConfig(name, { command: ['/bin/sh', '-c', script], ...change })
}

/** A container of busybox that does nothing, in one process that ends on SIGKILL only. */
export function idleConfig(name: string, change: ContainerInit = {}): ContainerConfig {
  return containerConfig(name, { command: ['/bin/sleep', '3600'], ...change })
}

export function containerConfig(name: string, change: ContainerInit = {}): ContainerConfig {
  return ContainerConfig.create({
    metadata: { name, attempt: 0 },
    image: { image: IMAGES.busybox },
    logPath: `${name}.log`,
    labels: { 'io.kubernetes.container.name': name },
    annotations: { 'suite/annotation': name },
    ...change,
  })
}

/** What a shell script did in a container that ran to its end. */
export interface Outcome {
  readonly status: ContainerStatus
  readonly stdout: string
  readonly stderr: string
}

/** Runs pods and containers on one daemon. */
export class Workloads {
  readonly #client: CriClient
  #serial = 0

  constructor(client: CriClient) {
    this.#client = client
  }

  /** A name nobody has used. */
  name(prefix: string): string {
    return `${prefix}-${++this.#serial}`
  }

  /** Runs a sandbox; returns its id. */
  async runPod(config: PodSandboxConfig): Promise<string> {
    const { podSandboxId } = await this.#client.runtime.runPodSandbox({ config })
    return podSandboxId
  }

  /** Creates and starts a container; returns its id. */
  async runContainer(podSandboxId: string, config: ContainerConfig, sandboxConfig: PodSandboxConfig): Promise<string> {
    const { containerId } = await this.#client.runtime.createContainer({ podSandboxId, config, sandboxConfig })
    await this.#client.runtime.startContainer({ containerId })
    return containerId
  }

  async status(containerId: string): Promise<ContainerStatus> {
    const { status } = await this.#client.runtime.containerStatus({ containerId, verbose: false })
    if (status === undefined) throw new Error(`ContainerStatus of ${containerId}: no status`)
    return status
  }

  /** Waits until a container has ended. */
  waitForExit(containerId: string, timeoutMs?: number): Promise<ContainerStatus> {
    const ended = async () => {
      const status = await this.status(containerId)
      return status.state === ContainerState.CONTAINER_EXITED ? status : undefined
    }
    return waitFor(`container ${containerId} has ended`, ended, timeoutMs)
  }

  /** Runs a container to its end. */
  async runToEnd(podSandboxId: string, config: ContainerConfig, sandboxConfig: PodSandboxConfig): Promise<Outcome> {
    const status = await this.waitForExit(await this.runContainer(podSandboxId, config, sandboxConfig))
    const lines = status.logPath === '' ? [] : await readLog(status.logPath)
    return { status, stdout: textOf(lines, 'stdout'), stderr: textOf(lines, 'stderr') }
  }

  /** Runs a command in a running container; its error output is part of the error when it does not end with 0. */
  async exec(containerId: string, ...cmd: string[]): Promise<string> {
    const answer = await this.#client.runtime.execSync({ containerId, cmd, timeout: 20n })
    if (answer.exitCode !== 0) throw new Error(`${cmd.join(' ')}: exit code ${answer.exitCode}: ${answer.stderr}`)
    return answer.stdout.toString()
  }

  /** Stops and removes a pod with its containers. */
  async removePod(podSandboxId: string): Promise<void> {
    await this.#client.runtime.stopPodSandbox({ podSandboxId })
    await this.#client.runtime.removePodSandbox({ podSandboxId })
  }

  /** Removes whatever there is. */
  async removeAllPods(): Promise<void> {
    const { items } = await this.#client.runtime.listPodSandbox({})
    await Promise.all(items.map(({ id }) => this.removePod(id)))
  }
}

/** The lines of a container's log. */
export async function readLog(path: string): Promise<LogLine[]> {
  return parseLog(await readFile(path, 'utf8'))
}

/** What a stream said, its partial lines joined. */
export function textOf(lines: readonly LogLine[], stream: LogLine['stream']): string {
  return lines
    .filter((line) => line.stream === stream)
    .map(({ content, partial }) => (partial ? content : `${content}\n`))
    .join('')
}
