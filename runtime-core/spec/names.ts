// SPDX-License-Identifier: Apache-2.0

/** Names of the runtime-spec that stand for numbers of the kernel: one table each, for validation and compilation. */

/** setrlimit(2); the position is the number. */
export const RLIMITS: readonly string[] =
  'CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS LOCKS SIGPENDING MSGQUEUE NICE RTPRIO RTTIME'.split(' ')

/** linux/sched.h */
export const SCHEDULER_POLICIES: ReadonlyMap<string, number> = new Map([
  ['SCHED_OTHER', 0],
  ['SCHED_FIFO', 1],
  ['SCHED_RR', 2],
  ['SCHED_BATCH', 3],
  ['SCHED_ISO', 4],
  ['SCHED_IDLE', 5],
  ['SCHED_DEADLINE', 6],
])

/** linux/sched.h */
export const SCHEDULER_FLAGS: ReadonlyMap<string, number> = new Map([
  ['SCHED_FLAG_RESET_ON_FORK', 0x01],
  ['SCHED_FLAG_RECLAIM', 0x02],
  ['SCHED_FLAG_DL_OVERRUN', 0x04],
  ['SCHED_FLAG_KEEP_POLICY', 0x08],
  ['SCHED_FLAG_KEEP_PARAMS', 0x10],
  ['SCHED_FLAG_UTIL_CLAMP_MIN', 0x20],
  ['SCHED_FLAG_UTIL_CLAMP_MAX', 0x40],
])

/** linux/ioprio.h */
export const IO_PRIORITY_CLASSES: ReadonlyMap<string, number> = new Map([
  ['IOPRIO_CLASS_RT', 1],
  ['IOPRIO_CLASS_BE', 2],
  ['IOPRIO_CLASS_IDLE', 3],
])

/** sys/personality.h */
export const PERSONALITY_DOMAINS: ReadonlyMap<string, number> = new Map([
  ['LINUX', 0],
  ['LINUX32', 8],
])

/** linux/mempolicy.h */
export const MEMORY_POLICY_MODES: ReadonlyMap<string, number> = new Map([
  ['MPOL_DEFAULT', 0],
  ['MPOL_PREFERRED', 1],
  ['MPOL_BIND', 2],
  ['MPOL_INTERLEAVE', 3],
  ['MPOL_LOCAL', 4],
  ['MPOL_PREFERRED_MANY', 5],
  ['MPOL_WEIGHTED_INTERLEAVE', 6],
])

/** linux/mempolicy.h */
export const MEMORY_POLICY_FLAGS: ReadonlyMap<string, number> = new Map([
  ['MPOL_F_STATIC_NODES', 1 << 15],
  ['MPOL_F_RELATIVE_NODES', 1 << 14],
  ['MPOL_F_NUMA_BALANCING', 1 << 13],
])

export const NAMESPACE_TYPES = ['pid', 'network', 'mount', 'ipc', 'uts', 'user', 'cgroup', 'time'] as const

/** config-linux.md §rootfs mount propagation; runc takes the recursive forms, too. */
export const ROOT_PROPAGATIONS = [
  'shared',
  'slave',
  'private',
  'unbindable',
  'rshared',
  'rslave',
  'rprivate',
  'runbindable',
] as const

export const SECCOMP_ACTIONS = [
  'SCMP_ACT_KILL',
  'SCMP_ACT_KILL_PROCESS',
  'SCMP_ACT_KILL_THREAD',
  'SCMP_ACT_TRAP',
  'SCMP_ACT_ERRNO',
  'SCMP_ACT_TRACE',
  'SCMP_ACT_ALLOW',
  'SCMP_ACT_LOG',
  'SCMP_ACT_NOTIFY',
] as const

export const SECCOMP_OPERATORS = [
  'SCMP_CMP_NE',
  'SCMP_CMP_LT',
  'SCMP_CMP_LE',
  'SCMP_CMP_EQ',
  'SCMP_CMP_GE',
  'SCMP_CMP_GT',
  'SCMP_CMP_MASKED_EQ',
] as const

export const SECCOMP_FLAGS = [
  'SECCOMP_FILTER_FLAG_TSYNC',
  'SECCOMP_FILTER_FLAG_LOG',
  'SECCOMP_FILTER_FLAG_SPEC_ALLOW',
  'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV',
] as const
