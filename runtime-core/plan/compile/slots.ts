// SPDX-License-Identifier: Apache-2.0
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
  /** First of the mounts with shared propagation, which are cloned before the tree is made slave. */
  shared: SLOTS.free + 10,
} as const

/** How many binds with shared propagation a container may have. */
export const MAX_SHARED_MOUNTS = SLOT_COUNT - PLAN_SLOTS.shared

export const ERRNO = { EPERM: 1, ENOENT: 2, EACCES: 13, EBUSY: 16, EEXIST: 17, EINVAL: 22, EROFS: 30 } as const

export const OPEN = {
  rdonly: 0,
  rdwr: 0o2,
  directory: 0o200000,
  nofollow: 0o400000,
  path: 0o10000000,
} as const

/** open_tree(2): a detached copy of the mount; with everything below it. */
export const CLONE_TREE = 0x1 | 0o2000000
export const RECURSIVE = 0x8000

/** mount(2). */
export const MS = { rec: 1n << 14n, private: 1n << 18n, slave: 1n << 19n } as const
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
