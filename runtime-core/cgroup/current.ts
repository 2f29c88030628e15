// SPDX-License-Identifier: Apache-2.0

import { readFile } from 'node:fs/promises'
import type { CgroupHost } from './detect.ts'
import type { CgroupPlan } from './plan.ts'

/**
 * The directory of the cgroup that a process of a container went to, where that is below the container's own; as
 * systemd does when it is the first process. Once controllers are handed down from there, the kernel takes no process
 * into the container's own cgroup any more ("no internal processes", cgroup-v2.rst). Undefined where it did not move,
 * or to a place that is none of the container's.
 *
 * @param pid a living process of the container
 * @throws the error of reading, where the process is gone
 */
export async function cgroupBelow(
  { unifiedDirectory: own }: CgroupPlan,
  { unifiedMount }: CgroupHost,
  pid: number,
  proc = '/proc',
): Promise<string | undefined> {
  const path = /^0::(\/.*)$/m.exec(await readFile(`${proc}/${pid}/cgroup`, 'utf8'))?.[1]
  const directory = `${unifiedMount}${path}`
  return own !== undefined && directory.startsWith(`${own}/`) ? directory : undefined
}
