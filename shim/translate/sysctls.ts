// SPDX-License-Identifier: Apache-2.0
import { invalidField } from './invalid-field.ts'
import type { PodNamespaces } from './namespaces.ts'

const PORT_START = 'net.ipv4.ip_unprivileged_port_start'
const PING_RANGE = 'net.ipv4.ping_group_range'

/**
 * The sysctls of a pod: the request's, and containerd's defaults that let any user bind low ports and send pings. The
 * latter only in a network of the pod's own, and not for groups that a user namespace does not map.
 *
 * @param sysctls As requested; names with dots or slashes.
 * @returns By name with dots; with slashes where a part holds a dot itself, such as an interface `eth0.1`.
 * @throws GantryError invalid_argument that names a sysctl which is not the pod's own.
 */
export function podSysctls(
  sysctls: Readonly<Record<string, string>>,
  pod: Pick<PodNamespaces, 'network' | 'ipc' | 'user'>,
): Record<string, string> {
  const result = new Map<string, string>()
  for (const [requested, value] of Object.entries(sysctls)) {
    const name = checkedName(requested, pod)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (/[\0-\x08\x0a-\x1f]/.test(value)) throw invalidField(`config.linux.sysctls[${requested}]`, value, 'one line')
    result.set(name, value)
  }
  if (pod.network === 'pod') {
    if (!result.has(PORT_START)) result.set(PORT_START, '0')
    if (!result.has(PING_RANGE) && pod.user === undefined) result.set(PING_RANGE, '0 2147483647')
  }
  return Object.fromEntries(result)
}

function checkedName(requested: string, pod: Pick<PodNamespaces, 'network' | 'ipc'>): string {
  const field = 'config.linux.sysctls'
  const parts = partsOf(requested)
  // The name becomes a path below /proc/sys.
  if (parts.length < 2 || parts.some((part) => !/^[\w@:+-][\w.@:+-]*$/.test(part))) {
    throw invalidField(field, requested, 'the name of a sysctl')
  }
  const dotted = parts.join('.')
  const owner = namespaceOf(dotted)
  if (owner === undefined) throw invalidField(field, requested, 'a sysctl that belongs to a namespace of the pod')
  if (pod[owner] === 'host')
    throw invalidField(field, requested, `none of the node's ${owner} namespace, which the pod uses`)
  return parts.some((part) => part.includes('.')) ? parts.join('/') : dotted
}

/** As sysctl(8): the first separator says which one it is; with dots a slash stands for a dot within a part. */
function partsOf(name: string): string[] {
  const slash = name.indexOf('/')
  const dot = name.indexOf('.')
  if (slash !== -1 && (dot === -1 || slash < dot)) return name.split('/')
  return name.split('.').map((part) => part.replaceAll('/', '.'))
}

/** Which namespace a sysctl belongs to (namespaces(7), ipc_namespaces(7)). */
function namespaceOf(name: string): 'network' | 'ipc' | undefined {
  if (name.startsWith('net.')) return 'network'
  if (/^(kernel\.(shm|msg)[a-z_]+|kernel\.sem|fs\.mqueue\.[a-z_]+)$/.test(name)) return 'ipc'
  return undefined
}
