// SPDX-License-Identifier: Apache-2.0
import type { CgroupHost } from '../../../runtime-core/cgroup/detect.ts'
import { type Finding, failure, ok, warning } from './finding.ts'

/** What a kubelet sets for every pod. */
const NEEDED = ['cpu', 'memory'] as const
/** What is used where it is there; a v1 host has `cpuacct` and `blkio` where a v2 host has `cpu` and `io`. */
const WELCOME = ['cpuset', 'pids'] as const

/** Whether containers can be limited. An error is what stands in the way of finding out. */
export function judgeCgroups(host: CgroupHost | Error): Finding[] {
  if (host instanceof Error) {
    return [failure('cgroups', host.message, 'mount cgroup2 on /sys/fs/cgroup, as every current distribution does')]
  }
  const missing = NEEDED.filter((name) => !host.controllers.includes(name))
  if (missing.length > 0) {
    const hint = 'enable them in cgroup.subtree_control of the root, or at boot (cgroup_enable=memory)'
    return [failure('cgroups', `${host.mode}, without the controllers ${missing.join(', ')}`, hint)]
  }
  const mode = ok('cgroups', `${host.mode}, controllers ${[...host.controllers].sort().join(' ')}`)
  const lost = WELCOME.filter((name) => !host.controllers.includes(name))
  if (lost.length === 0) return [mode]
  return [mode, warning('cgroups', `no controller ${lost.join(', ')}: its limits cannot be set`, 'enable it at boot')]
}
