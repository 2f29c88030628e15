// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../errors.ts'
import type { OciNamespace, OciNamespaceType } from '../../spec/types.ts'
import { forPurpose, type Op, op, type SentSlot } from '../ops.ts'
import { CLONE, OPEN, PLAN_SLOTS } from './slots.ts'

export interface NamespaceOps {
  /** Namespaces clone3 makes. */
  readonly cloneFlags: bigint
  /** By the keeper, before the clone: the PID namespace the child is born into. */
  readonly prepare: readonly Op[]
  /** By the child, first of all. */
  readonly child: readonly Op[]
  /** New cgroup and time namespaces: after the cgroup is joined. */
  readonly late: readonly Op[]
}

/** Those that mounts depend on first. The user namespace is joined apart, after the mounts: compile/container.ts. */
const JOIN_ORDER: readonly OciNamespaceType[] = ['network', 'ipc', 'uts', 'time', 'cgroup', 'mount']

/**
 * How the namespaces of a container come about (config-linux.md §namespaces): made by clone3, or joined by path, where
 * a path that the keeper holds open is joined by its slot.
 *
 * @throws GantryError `invalid_argument` for a type named twice.
 */
export function compileNamespaces(
  namespaces: readonly OciNamespace[],
  held: ReadonlyMap<string, SentSlot>,
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
  const made = [...byType.values()].filter(({ path, type }) => path === undefined && !isLate(type))
  const late = [...byType.values()].filter(({ path, type }) => path === undefined && isLate(type))
  const pid = byType.get('pid')
  return {
    cloneFlags: made.reduce((flags, { type }) => flags | CLONE[type], 0n),
    prepare: pid?.path === undefined ? [] : join(pid.type, pid.path, held),
    child: JOIN_ORDER.flatMap((type) => {
      const path = byType.get(type)?.path
      return path === undefined ? [] : join(type, path, held)
    }),
    late: late.map(({ type }) => op('unshare', CLONE[type])),
  }
}

/** A cgroup namespace is rooted at the cgroup its maker is in, so it is made after joining. */
function isLate(type: OciNamespaceType): boolean {
  return type === 'cgroup'
}

function join(type: OciNamespaceType, path: string, held: ReadonlyMap<string, SentSlot>): Op[] {
  const purpose = `join ${type} namespace "${path}"`
  const slot = held.get(path)
  if (slot !== undefined) return forPurpose(purpose, [op('setns', slot, CLONE[type])])
  return forPurpose(purpose, [
    op('open', PLAN_SLOTS.work, path, OPEN.rdonly, 0),
    op('setns', PLAN_SLOTS.work, CLONE[type]),
    op('close', PLAN_SLOTS.work),
  ])
}
