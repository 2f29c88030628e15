// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../errors.ts'
import type { OciLinux, OciNamespace, OciNamespaceType, OciSpec } from '../../spec/types.ts'
import { forPurpose, type Op, op, type SentSlot, SLOTS } from '../ops.ts'
import { CLONE, OPEN, PLAN_SLOTS } from './slots.ts'
import { namespacesOfSysctls } from './sysctl.ts'
import { mapText, type UserNamespace } from './user-namespace.ts'

export interface NamespaceOps {
  /** Namespaces clone3 makes. */
  readonly cloneFlags: bigint
  /** By the keeper, before the clone: the PID namespace the child is born into. */
  readonly prepare: readonly Op[]
  /** By the child, first of all. */
  readonly child: readonly Op[]
  /** New cgroup and time namespaces: after the cgroup is joined. */
  readonly late: readonly Op[]
  /** A mount namespace that is joined: after all that is said to the kernel through the host's own /proc. */
  readonly mount: readonly Op[]
}

/** Those that mounts depend on first. The user namespace is joined apart, after the mounts: compile/container.ts. */
const JOIN_ORDER: readonly OciNamespaceType[] = ['network', 'ipc', 'uts', 'time', 'cgroup']

/**
 * How the namespaces of a container come about (config-linux.md §namespaces): made by clone3, or joined by path, where
 * a path that the keeper holds open is joined by its slot. A path of another type is refused by setns(2).
 *
 * @throws GantryError `invalid_argument` for a type named twice.
 */
export function compileNamespaces(
  { linux: { namespaces = [], timeOffsets = {}, sysctl = {} } = {}, hostname, domainname }: OciSpec,
  held: ReadonlyMap<string, SentSlot>,
  user: UserNamespace | undefined,
): NamespaceOps {
  const byType = new Map<OciNamespaceType, OciNamespace>()
  for (const namespace of namespaces) {
    if (byType.has(namespace.type)) {
      throw new GantryError('invalid_argument', {
        action: 'read linux.namespaces',
        reason: `type "${namespace.type}" appears twice`,
      })
    }
    byType.set(namespace.type, namespace)
  }
  const late = new Set<OciNamespaceType>(Object.keys(timeOffsets).length > 0 ? ['cgroup', 'time'] : ['cgroup'])
  const made = [...byType.values()].filter(({ path }) => path === undefined)
  const owned = user?.isNew === true ? OWNED.filter(([type]) => made.some((one) => one.type === type)) : []
  const isOwned = (type: OciNamespaceType): boolean => type === 'user' || owned.some(([one]) => one === type)
  const cloned = made.filter(({ type }) => !late.has(type) && !isOwned(type))
  const changed = new Set<OciNamespaceType>(['mount', ...namespacesOfSysctls(sysctl)])
  if (hostname || domainname) changed.add('uts')
  const joined = (type: OciNamespaceType): Op[] => {
    const path = byType.get(type)?.path
    return path === undefined ? [] : join(type, path, held, changed.has(type))
  }
  return {
    cloneFlags: cloned.reduce((flags, { type }) => flags | CLONE[type], 0n),
    prepare: [...(user?.isNew === true ? makeOwned(user, owned) : []), ...joined('pid')],
    child: [
      ...owned.map(([type, slot]) => op('setns', slot, CLONE[type])),
      ...JOIN_ORDER.flatMap(joined),
      ...(made.some(({ type }) => type === 'network') ? forPurpose('set up loopback', [op('loopback_up')]) : []),
    ],
    late: made
      .filter(({ type }) => late.has(type))
      .flatMap(({ type }) => (type === 'time' ? makeTimeNamespace(timeOffsets) : [op('unshare', CLONE[type])])),
    mount: joined('mount'),
  }
}

/** Namespaces that must belong to a new user namespace, or its root could not configure them. */
const OWNED = [
  ['network', SLOTS.podNet],
  ['ipc', SLOTS.podIpc],
  ['uts', SLOTS.podUts],
] as const

/** The mounts need them before the child may enter the user namespace, so they are made beside it, not by its clone. */
function makeOwned(user: UserNamespace, owned: readonly (typeof OWNED)[number][]): Op[] {
  const flags = owned.reduce<bigint>((all, [type]) => all | CLONE[type], CLONE.user)
  const ops = [op('make_namespaces', flags, mapText(user.uids), mapText(user.gids))]
  return forPurpose('make user namespace', ops)
}

/**
 * config-linux.md §time namespace offsets. Offsets are given to a namespace that nobody is in yet: unshare makes one for
 * children to come, which this process then joins by itself (time_namespaces(7)). A cgroup namespace, too, is made late:
 * it is rooted at the cgroup its maker is in.
 */
function makeTimeNamespace(offsets: NonNullable<OciLinux['timeOffsets']>): Op[] {
  const lines = Object.entries(offsets).map(([clock, { secs = 0, nanosecs = 0 }]) => `${clock} ${secs} ${nanosecs}\n`)
  return forPurpose('set linux.timeOffsets', [
    op('unshare', CLONE.time),
    op('write_file', undefined, '/proc/self/timens_offsets', lines.join('')),
    op('open', PLAN_SLOTS.work, '/proc/self/ns/time_for_children', OPEN.rdonly, 0),
    op('setns', PLAN_SLOTS.work, CLONE.time),
    op('close', PLAN_SLOTS.work),
  ])
}

const PROC_NAMES: Readonly<Partial<Record<OciNamespaceType, string>>> = { network: 'net', mount: 'mnt' }

/** `notOurs`: what is changed in it must not be the host's. */
function join(type: OciNamespaceType, path: string, held: ReadonlyMap<string, SentSlot>, notOurs: boolean): Op[] {
  const purpose = `join ${type} namespace "${path}"`
  const slot = held.get(path)
  if (slot !== undefined) return forPurpose(purpose, [op('setns', slot, CLONE[type])])
  return forPurpose(purpose, [
    op('open', PLAN_SLOTS.work, path, OPEN.rdonly | OPEN.nonblock, 0),
    ...(notOurs ? [op('refuse_same', PLAN_SLOTS.work, `/proc/self/ns/${PROC_NAMES[type] ?? type}`)] : []),
    op('setns', PLAN_SLOTS.work, CLONE[type]),
    op('close', PLAN_SLOTS.work),
  ])
}
