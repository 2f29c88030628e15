// SPDX-License-Identifier: Apache-2.0
import { isIP } from 'node:net'
import { GantryError } from '../../../runtime-core/errors.ts'
import { parseBandwidth } from './bandwidth.ts'
import type { PluginConfig } from './config.ts'
import type { JsonObject } from './json.ts'

export interface PortMapping {
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  readonly containerPort: number
  /** 0: no port of the host, the mapping is left out. */
  readonly hostPort: number
  readonly hostIp?: string | undefined
}

export interface PodDns {
  readonly servers: readonly string[]
  readonly searches: readonly string[]
  readonly options: readonly string[]
}

/** What of a pod becomes CNI_ARGS and runtimeConfig. */
export interface PodAttributes {
  readonly sandboxId: string
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly annotations?: Readonly<Record<string, string>> | undefined
  readonly portMappings?: readonly PortMapping[] | undefined
  readonly dns?: PodDns | undefined
  readonly cgroupParent?: string | undefined
}

/** The CNI_ARGS pairs that plugins written for Kubernetes expect. Throws invalid_argument for `;` and NUL. */
export function podArgs(pod: PodAttributes): readonly (readonly [string, string])[] {
  const pairs: readonly (readonly [string, string])[] = [
    ['IgnoreUnknown', '1'],
    ['K8S_POD_NAMESPACE', pod.namespace],
    ['K8S_POD_NAME', pod.name],
    ['K8S_POD_INFRA_CONTAINER_ID', pod.sandboxId],
    ['K8S_POD_UID', pod.uid],
  ]
  for (const [key, value] of pairs) {
    // a separator inside a value would add arguments of the pod's choice
    if (/[;\0]/.test(value)) throw invalid(key, JSON.stringify(value), 'holds a separator')
  }
  return pairs
}

/** CNI_ARGS as the environment carries them. */
export function formatArgs(pairs: readonly (readonly [string, string])[]): string {
  return pairs.map(([key, value]) => `${key}=${value}`).join(';')
}

/**
 * Everything Gantry can offer under runtimeConfig (CNI CONVENTIONS, "Dynamic Plugin specific fields"); a plugin gets
 * the keys it declares. Throws invalid_argument for ports, addresses and bandwidths that cannot be.
 */
export function capabilityArgs(pod: PodAttributes, podCidrs: readonly string[]): JsonObject {
  const annotations = pod.annotations ?? {}
  const portMappings = (pod.portMappings ?? []).filter((mapping) => mapping.hostPort !== 0).map(portMapping)
  const bandwidth = parseBandwidth(annotations)
  return {
    ...(portMappings.length === 0 ? {} : { portMappings }),
    ...(bandwidth === undefined ? {} : { bandwidth }),
    ...(pod.dns === undefined ? {} : { dns: { ...pod.dns } }),
    ...(podCidrs.length === 0 ? {} : { ipRanges: podCidrs.map((subnet) => [{ subnet }]) }),
    ...(pod.cgroupParent ? { cgroupPath: pod.cgroupParent } : {}),
    'io.kubernetes.cri.pod-annotations': annotations,
  }
}

/** The part of `offered` that the plugin declares, or undefined when that is nothing. */
export function runtimeConfigFor(plugin: PluginConfig, offered: JsonObject): JsonObject | undefined {
  const granted = plugin.capabilities.filter((key) => Object.hasOwn(offered, key))
  if (granted.length === 0) return undefined
  return Object.fromEntries(granted.map((key) => [key, offered[key]]))
}

function portMapping({ protocol, containerPort, hostPort, hostIp }: PortMapping): JsonObject {
  const text = `${hostPort}:${containerPort}/${protocol}`
  if (!isPort(hostPort) || !isPort(containerPort)) throw invalid('port mapping', text, 'a port is from 1 to 65535')
  if (hostIp && isIP(hostIp) === 0)
    throw invalid('port mapping', text, `host address ${JSON.stringify(hostIp)} is none`)
  return { hostPort, containerPort, protocol, ...(hostIp ? { hostIP: hostIp } : {}) }
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 65535
}

function invalid(what: string, text: string, reason: string): GantryError {
  return new GantryError('invalid_argument', { action: `set up pod network: ${what} ${text}`, reason })
}
