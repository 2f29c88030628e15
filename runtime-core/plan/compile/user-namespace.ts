// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../errors.ts'
import type { OciIdMapping, OciLinux, OciMount } from '../../spec/types.ts'
import { type Op, op, type SentSlot, SLOTS } from '../ops.ts'
import { OPEN, PLAN_SLOTS } from './slots.ts'

/** The user namespace a container joins, and what its ids are on the host. */
export interface UserNamespace {
  /** Where the plan has it: the pod's, held by the keeper, or a slot of its own opened by `open`. */
  readonly slot: number
  /** Opens it where nobody holds it. */
  readonly open: readonly Op[]
  /** It is the container's own, made before the child is, and owns the namespaces that are made with it. */
  readonly isNew: boolean
  readonly uids: readonly OciIdMapping[]
  readonly gids: readonly OciIdMapping[]
}

/**
 * The user namespace of a container (config-linux.md §user namespace mappings); undefined where it is the host's.
 *
 * @throws GantryError `invalid_argument` for a new one without mappings: nobody could be anybody in it.
 */
export function userNamespaceOf(linux: OciLinux, held: ReadonlyMap<string, SentSlot>): UserNamespace | undefined {
  const namespace = linux.namespaces?.find(({ type }) => type === 'user')
  if (namespace === undefined) return undefined
  const { uidMappings = [], gidMappings = [] } = linux
  if (namespace.path === undefined) {
    if (uidMappings.length === 0 || gidMappings.length === 0) {
      throw new GantryError('invalid_argument', {
        action: 'read linux.uidMappings and linux.gidMappings',
        reason: 'they are empty, but there is to be a user namespace',
      })
    }
    return { slot: SLOTS.podUser, open: [], isNew: true, uids: uidMappings, gids: gidMappings }
  }
  const slot = held.get(namespace.path)
  return {
    slot: slot ?? PLAN_SLOTS.userNamespace,
    isNew: false,
    open:
      slot === undefined ? [op('open', PLAN_SLOTS.userNamespace, namespace.path, OPEN.rdonly | OPEN.nonblock, 0)] : [],
    uids: uidMappings,
    gids: gidMappings,
  }
}

/**
 * What an id of the container is on the host; the same without mappings.
 *
 * @throws GantryError `invalid_argument` for an id that is not mapped: no process could have it.
 */
export function hostId(id: number, mappings: readonly OciIdMapping[] | undefined, kind: 'uid' | 'gid'): number {
  if (mappings === undefined) return id
  const mapping = mappings.find(({ containerID, size }) => id >= containerID && id < containerID + size)
  if (mapping !== undefined) return mapping.hostID + id - mapping.containerID
  throw new GantryError('invalid_argument', {
    action: `map ${kind}`,
    subject: String(id),
    reason: 'it is not in the mappings of the user namespace',
  })
}

/** True where a mount asks for just the mappings of the container's user namespace; it then needs no other. */
export function hasMappingsOf({ uidMappings = [], gidMappings = [] }: OciMount, user: UserNamespace): boolean {
  return sameMappings(uidMappings, user.uids) && sameMappings(gidMappings, user.gids)
}

function sameMappings(some: readonly OciIdMapping[], others: readonly OciIdMapping[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ containerID, hostID, size }, index) => {
      const other = others[index]
      return containerID === other?.containerID && hostID === other.hostID && size === other.size
    })
  )
}

/** The text of /proc/<pid>/uid_map and gid_map (user_namespaces(7)). */
export function mapText(mappings: readonly OciIdMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('')
}
