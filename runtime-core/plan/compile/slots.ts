// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../errors.ts'
import { SLOT_COUNT, SLOTS } from '../ops.ts'

/** The plan's own descriptors, by what they hold. */
export const PLAN_SLOTS = {
  /** The container's root mount. */
  root: SLOTS.free,
  /** A mount point just made. */
  target: SLOTS.free + 1,
  /** A mount about to be attached. */
  mount: SLOTS.free + 2,
  /** A file system context, or a namespace about to be joined. */
  work: SLOTS.free + 3,
  /** /dev/null, to cover masked files with. */
  null: SLOTS.free + 4,
  /** An empty read-only tmpfs, to cover masked directories with. */
  empty: SLOTS.free + 5,
  /** This process's own mount namespace, to come back to. */
  ownMount: SLOTS.free + 6,
  ptySlave: SLOTS.free + 7,
  /** The root directory before another mount namespace was visited; a terminal comes later and shares the slot. */
  ownRoot: SLOTS.free + 8,
  /** A user namespace that the keeper does not hold. */
  userNamespace: SLOTS.free + 9,
  /** First of those that are handed out as needed: {@link SparePool}. */
  spare: SLOTS.free + 10,
} as const

/** Hands out the slots that a bundle needs more or fewer of: shared mounts, user namespaces of id-mapped mounts. */
export class SparePool {
  #next: number = PLAN_SLOTS.spare

  /** @throws GantryError `resource_exhausted` when there is none left; `action` says for what. */
  take(action: string): number {
    if (this.#next < SLOT_COUNT) return this.#next++
    throw new GantryError('resource_exhausted', {
      action,
      reason: `at most ${SLOT_COUNT - PLAN_SLOTS.spare} mounts of a container can be shared (Bidirectional), or have id mappings of their own`,
    })
  }
}

export const ERRNO = { EPERM: 1, ENOENT: 2, EACCES: 13, EBUSY: 16, EEXIST: 17, EINVAL: 22, EROFS: 30 } as const

export const OPEN = {
  rdonly: 0,
  rdwr: 0o2,
  /** What stands at a path of the bundle may be a fifo, whose opening would wait for ever. */
  nonblock: 0o4000,
  directory: 0o200000,
  nofollow: 0o400000,
  path: 0o10000000,
} as const

/** open_tree(2): a detached copy of the mount; with everything below it. */
export const CLONE_TREE = 0x1 | 0o2000000
export const RECURSIVE = 0x8000
export const AT_EMPTY_PATH = 0x1000

/** mount(2). */
export const MS = {
  rdonly: 1n,
  nosuid: 2n,
  nodev: 4n,
  noexec: 8n,
  sync: 16n,
  remount: 32n,
  mand: 64n,
  dirsync: 128n,
  nosymfollow: 256n,
  noatime: 1n << 10n,
  nodiratime: 1n << 11n,
  move: 1n << 13n,
  rec: 1n << 14n,
  private: 1n << 18n,
  slave: 1n << 19n,
  relatime: 1n << 21n,
  iversion: 1n << 23n,
  strictatime: 1n << 24n,
  lazytime: 1n << 25n,
} as const
export const MNT_DETACH = 2

/** Namespaces in clone flags (clone(2)). */
export const CLONE = {
  mount: 0x20000n,
  cgroup: 0x2000000n,
  uts: 0x4000000n,
  ipc: 0x8000000n,
  user: 0x10000000n,
  pid: 0x20000000n,
  network: 0x40000000n,
  time: 0x80n,
  intoCgroup: 0x200000000n,
} as const
