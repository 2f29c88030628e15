// SPDX-License-Identifier: Apache-2.0

/** A word that means "no slot" or "no string" on the wire. */
export const ABSENT = 0xffff_ffff_ffff_ffffn

/** Words per operation: enough for the widest row of the table. */
export const WORDS_PER_OP = 6

/** Descriptors a plan can hold at once. */
export const SLOT_COUNT = 48

/** Slots the keeper fills before it clones, or takes over from `send_fd`. The rest are the plan's own. */
export const SLOTS = {
  stdin: 0,
  stdout: 1,
  stderr: 2,
  /** `/proc/<pid>` of the child, while the parent section runs. */
  child: 3,
  podNet: 4,
  podIpc: 5,
  podUts: 6,
  podUser: 7,
  podPid: 8,
  podMount: 9,
  /** exec: pidfd of the container's init. */
  target: 10,
  /** v2: the directory the child is born into (CLONE_INTO_CGROUP). */
  cgroup: 11,
  /** The pty master, on its way from the child to the keeper. */
  pty: 12,
  /** A pidfd of the child, while the parent section runs. */
  childPidfd: 13,
  /** OCI create: the fifo whose byte lets the container start, and the one that says what came of it. */
  startGate: 14,
  startAnswer: 15,
  /** First slot a plan may use as it likes. */
  free: 16,
} as const

/** What a descriptor sent by `send_fd` becomes in the keeper: the pod slot of that number, or the pty. */
export type SentSlot = (typeof SLOTS)['podNet' | 'podIpc' | 'podUts' | 'podUser' | 'podPid' | 'podMount' | 'pty']
