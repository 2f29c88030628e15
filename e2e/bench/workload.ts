// SPDX-License-Identifier: Apache-2.0
import { ContainerConfig, NamespaceMode, PodSandboxConfig } from '../../cri-proto/index.ts'
import { WORKLOAD_IMAGE } from '../images/bench-images.ts'

/** Whose network a pod uses. */
export type PodNetwork = 'host' | 'bridge'

export interface PodNames {
  /** Unique among the pods of a peer. */
  readonly name: string
  readonly logDirectory: string
  readonly cgroupParent: string
}

/** What the shell of `stoppable` prints once its trap is set. */
export const READY_LINE = 'ready'
export const LOG_FILE = 'log'

/** A pod as the kubelet would ask for it. */
export function podConfig({ name, logDirectory, cgroupParent }: PodNames, network: PodNetwork): PodSandboxConfig {
  return PodSandboxConfig.create({
    metadata: { name, uid: `uid-${name}`, namespace: 'bench', attempt: 0 },
    hostname: network === 'host' ? '' : name,
    logDirectory,
    labels: { 'io.kubernetes.pod.name': name, 'io.kubernetes.pod.namespace': 'bench' },
    linux: { cgroupParent, securityContext: { namespaceOptions: namespaces(network) } },
  })
}

/** A container that ends on SIGTERM: a shell as process 1, which says so when it is ready to. */
export function stoppable(network: PodNetwork): ContainerConfig {
  const script = `trap 'exit 0' TERM; echo ${READY_LINE}; sleep 3600 & wait`
  return containerConfig('main', ['/bin/sh', '-c', script], network)
}

/** A container that does nothing, in one process. */
export function idle(name: string, network: PodNetwork): ContainerConfig {
  return containerConfig(name, ['/bin/sleep', '3600'], network)
}

function containerConfig(name: string, command: readonly string[], network: PodNetwork): ContainerConfig {
  return ContainerConfig.create({
    metadata: { name, attempt: 0 },
    image: { image: WORKLOAD_IMAGE },
    command: [...command],
    logPath: name === 'main' ? LOG_FILE : name,
    labels: { 'io.kubernetes.container.name': name },
    linux: { resources: { cpuShares: 102n }, securityContext: { namespaceOptions: namespaces(network) } },
  })
}

function namespaces(network: PodNetwork) {
  const mode = network === 'host' ? NamespaceMode.NODE : NamespaceMode.POD
  return { network: mode, pid: NamespaceMode.CONTAINER, ipc: NamespaceMode.POD }
}
