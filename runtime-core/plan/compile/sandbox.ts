// SPDX-License-Identifier: Apache-2.0
import type { OciIdMapping } from '../../spec/types.ts'
import { forPurpose, type Op, op, type Plan, SLOTS } from '../ops.ts'
import { ATTR } from './mount-options.ts'
import { CLONE, MNT_DETACH, MS, OPEN, PLAN_SLOTS } from './slots.ts'
import { compileSysctls } from './sysctl.ts'
import { mapText } from './user-namespace.ts'

export interface SandboxInput {
  /** Which namespaces are the pod's own; the others are the host's. */
  readonly network: boolean
  readonly ipc: boolean
  readonly uts: boolean
  /** The pod's user namespace: it owns the others. Undefined: the host's. */
  readonly user: { readonly uids: readonly OciIdMapping[]; readonly gids: readonly OciIdMapping[] } | undefined
  readonly hostname: string | undefined
  readonly sysctls: Readonly<Record<string, string>>
  /** The pod's /dev/shm: an existing directory that names it, and its size. Undefined: the host's is used. */
  readonly shm: { readonly directory: string; readonly sizeBytes: number } | undefined
}

/**
 * The plan that makes a pod's namespaces: a short-lived child is born into them, sets them up and hands their
 * descriptors to the keeper.
 */
export function compileSandbox(input: SandboxInput): Plan {
  const { shm } = input
  return {
    cloneFlags:
      (input.user === undefined ? 0n : CLONE.user) |
      (input.network ? CLONE.network : 0n) |
      (input.ipc ? CLONE.ipc : 0n) |
      (input.uts ? CLONE.uts : 0n) |
      (shm === undefined ? 0n : CLONE.mount),
    prepare: [],
    parent:
      input.user === undefined
        ? []
        : forPurpose('map ids', [
            op('write_file', SLOTS.child, 'uid_map', mapText(input.user.uids)),
            op('write_file', SLOTS.child, 'gid_map', mapText(input.user.gids)),
          ]),
    child: [
      // As the root of the namespace: what is made from here on belongs to it.
      ...(input.user === undefined
        ? []
        : [
            op('sync_parent'),
            op('set_groups', new Uint8Array()),
            op('set_gid', 0),
            op('set_uid', 0),
            ...hand('user', SLOTS.podUser),
          ]),
      ...(input.network ? [op('loopback_up'), ...hand('net', SLOTS.podNet)] : []),
      ...(input.ipc ? hand('ipc', SLOTS.podIpc) : []),
      ...(input.uts && input.hostname !== undefined ? [op('set_hostname', input.hostname)] : []),
      ...(input.uts ? hand('uts', SLOTS.podUts) : []),
      ...compileSysctls(input.sysctls),
      ...(shm === undefined ? [] : shmNamespace(shm.directory, shm.sizeBytes)),
    ],
  }
}

function hand(name: string, slot: Parameters<typeof op<'send_fd'>>[2]): Op[] {
  return [op('open', PLAN_SLOTS.work, `/proc/self/ns/${name}`, OPEN.rdonly, 0), op('send_fd', PLAN_SLOTS.work, slot)]
}

/** A mount namespace that holds the pod's shared memory and nothing else. */
function shmNamespace(directory: string, sizeBytes: number): Op[] {
  const attributes = ATTR.nosuid | ATTR.nodev | ATTR.noexec
  return [
    ...hand('mnt', SLOTS.podMount),
    op('mount', undefined, '/', undefined, MS.rec | MS.private, undefined),
    ...forPurpose('mount tmpfs on "/dev/shm"', [
      op('fsopen', PLAN_SLOTS.work, 'tmpfs'),
      op('fsconfig_string', PLAN_SLOTS.work, 'mode', '1777'),
      op('fsconfig_string', PLAN_SLOTS.work, 'size', String(sizeBytes)),
      op('fsmount', PLAN_SLOTS.mount, PLAN_SLOTS.work, attributes),
      op('open', PLAN_SLOTS.target, directory, OPEN.path | OPEN.directory, 0),
      op('move_mount', PLAN_SLOTS.mount, PLAN_SLOTS.target),
      op('fchdir', PLAN_SLOTS.mount),
      op('pivot_root', '.', '.'),
      op('umount', '.', MNT_DETACH),
    ]),
  ]
}

/** The plan of the tiny init of a pod that shares one PID namespace: it has no rights and no view of the host. */
export function compilePodInit(hasPodMount: boolean): Plan {
  return {
    cloneFlags: CLONE.pid,
    prepare: [],
    parent: [],
    child: [
      ...hand('pid', SLOTS.podPid),
      ...(hasPodMount ? [op('setns', SLOTS.podMount, CLONE.mount)] : []),
      ...idleWithoutRights(),
    ],
  }
}

/** The plan of a process that does nothing but be there, until it is killed or its keeper ends. */
export function compilePlaceholder(): Plan {
  return { cloneFlags: 0n, prepare: [], parent: [], child: idleWithoutRights() }
}

function idleWithoutRights(): Op[] {
  return [
    op('drop_bounding', 0n),
    op('set_groups', new Uint8Array()),
    op('set_gid', 65535),
    op('set_uid', 65535),
    op('capset', 0n, 0n, 0n),
    op('prctl', 38, 1, 0, 0, 0),
    op('prctl', 1, 9, 0, 0, 0),
    op('pod_init'),
  ]
}
