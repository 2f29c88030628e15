// SPDX-License-Identifier: Apache-2.0

/**
 * What a refused write to a cgroup file means, where the errno alone misleads; undefined where it says enough.
 *
 * @param path of the file
 * @param errno `EBUSY`
 */
export function cgroupWriteHint(path: string, errno: string): string | undefined {
  const file = path.slice(path.lastIndexOf('/') + 1)
  const directory = path.slice(0, path.lastIndexOf('/'))
  return HINTS.find((hint) => hint.file.test(file) && hint.errnos.includes(errno))?.text(directory, file)
}

interface Hint {
  readonly file: RegExp
  readonly errnos: readonly string[]
  readonly text: (directory: string, file: string) => string
}

const HINTS: readonly Hint[] = [
  {
    file: /^cgroup\.subtree_control$/,
    errnos: ['EBUSY'],
    text: (directory) =>
      `${directory} has processes of its own; on cgroup v2 only a cgroup without any can limit cgroups below it: move them into a child, or choose another cgroup parent`,
  },
  {
    file: /^cgroup\.subtree_control$/,
    errnos: ['EOPNOTSUPP'],
    text: (directory) =>
      `${directory} is threaded, or "domain invalid" below a threaded cgroup; containers need a domain (cat cgroup.type): choose another cgroup parent`,
  },
  {
    file: /^cgroup\.subtree_control$/,
    errnos: ['ENOENT'],
    text: (directory) => `the parent of ${directory} does not hand a controller down (cat cgroup.controllers)`,
  },
  {
    file: /^cpuset\./,
    errnos: ['EACCES', 'EINVAL', 'ERANGE', 'ENOSPC'],
    text: (directory, file) => `the parent of ${directory} does not have these, or none are left (cat ../${file})`,
  },
  {
    file: /^cpu\.(cfs_quota_us|cfs_period_us|max)$/,
    errnos: ['EINVAL'],
    text: (directory) =>
      `periods are 1000 to 1000000 µs, quotas at least 1000 µs and, on cgroup v1, no larger a share than that of the parent of ${directory}`,
  },
  {
    file: /^memory\.(memsw\.)?limit_in_bytes$/,
    errnos: ['EBUSY', 'EINVAL'],
    text: (directory) =>
      `${directory} uses more than this and nothing can be reclaimed, or memory exceeds memory and swap`,
  },
  {
    file: /^memory\.(swap\.max|memsw\.)/,
    errnos: ['ENOENT'],
    text: () => 'this kernel does not account for swap (boot with swapaccount=1)',
  },
  {
    file: /^devices\.allow$/,
    errnos: ['EPERM'],
    text: (directory) => `the parent of ${directory} does not allow this device (cat ../devices.list)`,
  },
  {
    file: /^(blkio|io)\.(bfq\.)?(leaf_)?weight/,
    errnos: ['ENOENT'],
    text: () =>
      'weights need the I/O scheduler BFQ on some disk (or iocost, on cgroup v2); leaf weights went with CFQ in Linux 5.0',
  },
  {
    file: /^memory\.use_hierarchy$/,
    errnos: ['EINVAL'],
    text: () => 'Linux 5.11 and later know only hierarchical accounting',
  },
  {
    file: /^cgroup\.procs$/,
    errnos: ['ENOSPC'],
    text: (directory) => `${directory}/cpuset.cpus or cpuset.mems is empty`,
  },
  {
    file: /^(cpu|memory|pids|io|cpuset|hugetlb|rdma)\./,
    errnos: ['ENOENT'],
    text: (directory, file) =>
      `${directory} has no ${file}: this kernel does not know it, or its controller is not turned on there`,
  },
]
