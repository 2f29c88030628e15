// SPDX-License-Identifier: Apache-2.0
import { type IDMapping, NamespaceMode, type NamespaceOption, type UserNamespace } from '../../cri-proto/index.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import type { OciIdMapping, OciNamespace, OciNamespaceType } from '../../runtime-core/spec/types.ts'
import { invalidField } from './invalid-field.ts'

export interface UserMappings {
  readonly uids: readonly OciIdMapping[]
  readonly gids: readonly OciIdMapping[]
}

/** Whose namespaces a pod has. UTS goes with the network. */
export interface PodNamespaces {
  readonly network: 'pod' | 'host'
  readonly ipc: 'pod' | 'host'
  /** `container`: each container has its own. */
  readonly pid: 'pod' | 'container' | 'host'
  /** Absent: the node's user namespace. */
  readonly user?: UserMappings
}

export type ContainerPid = 'pod' | 'container' | 'host' | { readonly targetId: string }

/**
 * The namespaces that a pod's configuration asks for.
 *
 * @throws GantryError invalid_argument for a mode that the namespace does not have, and for mappings that are not one
 * uid and one gid mapping that cover id 0.
 */
export function podNamespaces(options: NamespaceOption | undefined): PodNamespaces {
  const field = 'config.linux.security_context.namespace_options'
  const user = userMappings(options?.usernsOptions, `${field}.userns_options`)
  return {
    network: podOrHost(options?.network ?? NamespaceMode.POD, `${field}.network`),
    ipc: podOrHost(options?.ipc ?? NamespaceMode.POD, `${field}.ipc`),
    pid: podPid(options?.pid ?? NamespaceMode.POD, `${field}.pid`),
    ...(user === undefined ? {} : { user }),
  }
}

/**
 * The PID namespace of a container. POD follows the pod, also where the pod is on the node's or has none to share.
 * Network, IPC and user namespaces are always the pod's; options that say otherwise are refused for the last only, as
 * clients leave the others out.
 *
 * @throws GantryError invalid_argument for TARGET without target_id and for a user namespace unlike the pod's.
 */
export function containerPid(options: NamespaceOption | undefined, pod: PodNamespaces): ContainerPid {
  const field = 'config.linux.security_context.namespace_options'
  const user = userMappings(options?.usernsOptions, `${field}.userns_options`)
  if (!sameMappings(user, pod.user)) {
    throw invalidField(
      `${field}.userns_options`,
      describeMappings(user),
      `those of the pod, ${describeMappings(pod.user)}`,
    )
  }
  const mode = options?.pid ?? NamespaceMode.POD
  switch (mode) {
    case NamespaceMode.POD:
      return pod.pid
    case NamespaceMode.CONTAINER:
      return 'container'
    case NamespaceMode.NODE:
      return 'host'
    case NamespaceMode.TARGET: {
      const targetId = options?.targetId ?? ''
      if (targetId === '') throw invalidField(`${field}.target_id`, '', 'the id of a container of the pod')
      return { targetId }
    }
    default:
      throw invalidField(`${field}.pid`, mode, 'POD, CONTAINER, NODE or TARGET')
  }
}

/** Paths of namespaces to join: the pod's, and as `pid` the target's in TARGET mode. */
export type NamespacePaths = Readonly<Partial<Record<'network' | 'ipc' | 'uts' | 'pid' | 'user', string>>>

export interface NamespacesInput {
  readonly pod: PodNamespaces
  readonly pid: ContainerPid
  readonly paths: NamespacePaths
  readonly cgroupVersion: 1 | 2 | 'hybrid'
  readonly privileged: boolean
}

/**
 * The namespaces of a container: its own mount namespace, the pod's others, none where it is on the node's.
 *
 * @throws GantryError internal when the path of a namespace that is to be joined was not handed in.
 */
export function containerNamespaces(input: NamespacesInput): OciNamespace[] {
  const { pod, pid, paths, cgroupVersion, privileged } = input
  const join = (type: OciNamespaceType & keyof NamespacePaths): OciNamespace => {
    const path = paths[type]
    if (path !== undefined) return { type, path }
    throw new GantryError('internal', {
      action: 'translate',
      subject: type,
      reason: 'no path of the namespace to join',
    })
  }
  const namespaces: OciNamespace[] = [{ type: 'mount' }]
  if (pod.user !== undefined) namespaces.push(join('user'))
  if (pod.network === 'pod') namespaces.push(join('network'), join('uts'))
  if (pod.ipc === 'pod') namespaces.push(join('ipc'))
  if (pid === 'container') namespaces.push({ type: 'pid' })
  else if (pid !== 'host') namespaces.push(join('pid'))
  // Hides the node's tree from the container; v1 hierarchies have done without it since Docker, and tools rely on that.
  if (cgroupVersion === 2 && !privileged) namespaces.push({ type: 'cgroup' })
  return namespaces
}

function podOrHost(mode: NamespaceMode, field: string): 'pod' | 'host' {
  if (mode === NamespaceMode.POD) return 'pod'
  if (mode === NamespaceMode.NODE) return 'host'
  throw invalidField(field, mode, 'POD or NODE')
}

function podPid(mode: NamespaceMode, field: string): PodNamespaces['pid'] {
  if (mode === NamespaceMode.CONTAINER) return 'container'
  if (mode === NamespaceMode.POD) return 'pod'
  if (mode === NamespaceMode.NODE) return 'host'
  throw invalidField(field, mode, 'POD, CONTAINER or NODE')
}

function userMappings(options: UserNamespace | undefined, field: string): UserMappings | undefined {
  if (options === undefined) return undefined
  const { mode, uids, gids } = options
  if (mode === NamespaceMode.NODE) {
    if (uids.length + gids.length > 0)
      throw invalidField(field, `${uids.length + gids.length} mappings`, 'none on NODE')
    return undefined
  }
  if (mode !== NamespaceMode.POD) throw invalidField(`${field}.mode`, mode, 'POD or NODE')
  return { uids: [onlyMapping(uids, `${field}.uids`)], gids: [onlyMapping(gids, `${field}.gids`)] }
}

function onlyMapping(mappings: readonly IDMapping[], field: string): OciIdMapping {
  const [mapping, ...more] = mappings
  if (mapping === undefined || more.length > 0) throw invalidField(field, `${mappings.length} mappings`, 'exactly one')
  if (mapping.containerId !== 0) throw invalidField(`${field}.container_id`, mapping.containerId, '0')
  return idMapping(mapping, field)
}

/** @throws GantryError invalid_argument for a mapping of no ids or beyond the last id. */
export function idMapping({ containerId, hostId, length }: IDMapping, field: string): OciIdMapping {
  if (length < 1) throw invalidField(`${field}.length`, length, 'at least 1')
  if (Math.max(containerId, hostId) + length > 2 ** 32) {
    throw invalidField(`${field}.length`, length, 'ids below 4294967296')
  }
  return { containerID: containerId, hostID: hostId, size: length }
}

function sameMappings(one: UserMappings | undefined, other: UserMappings | undefined): boolean {
  return describeMappings(one) === describeMappings(other)
}

function describeMappings(mappings: UserMappings | undefined): string {
  if (mappings === undefined) return 'none'
  const text = (list: readonly OciIdMapping[]) =>
    list.map((map) => `${map.containerID}:${map.hostID}:${map.size}`).join()
  return `uids ${text(mappings.uids)} gids ${text(mappings.gids)}`
}
