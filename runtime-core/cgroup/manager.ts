// SPDX-License-Identifier: Apache-2.0

import { GantryError } from '../errors.ts'
import type { OciResources } from '../spec/types.ts'
import type { CgroupHost } from './detect.ts'
import { normalizeCgroupsPath } from './path.ts'
import type { CgroupOptions, CgroupPlan, CgroupWrite } from './plan.ts'
import { compileV1, updateV1 } from './v1.ts'
import { compileV2, updateV2 } from './v2.ts'

export { mergeResources } from './merge.ts'
export type { CgroupFreezer, CgroupOptions, CgroupPlan, CgroupWrite } from './plan.ts'

/**
 * Compiles `linux.cgroupsPath` and `linux.resources` into what has to be done.
 *
 * @param cgroupsPath below the cgroup mounts, whether it begins with `/` or not (config-linux §cgroups path)
 * @throws GantryError invalid_argument naming field, value and what is expected, for what this host cannot honour.
 */
export function compileCgroup(
  host: CgroupHost,
  cgroupsPath: string,
  resources: OciResources,
  options: CgroupOptions = {},
): CgroupPlan {
  const path = normalizeCgroupsPath(cgroupsPath)
  return host.mode === 'v2' ? compileV2(host, path, resources, options) : compileV1(host, path, resources, options)
}

export interface UpdateOptions extends CgroupOptions {
  /** Bytes in use now; with `checkBeforeUpdate` a memory limit below it is refused. */
  readonly memoryUsage?: number
}

/**
 * Compiles a change of a living container's limits, in an order in which the kernel accepts every single step.
 *
 * @param current what is in force, as handed to compileCgroup and earlier updates
 * @param change fields to set; absent ones, and 0 where the runtime-spec takes it for "unset", stay as they are
 * @throws GantryError invalid_argument as compileCgroup; unimplemented for device rules.
 */
export function compileUpdate(
  host: CgroupHost,
  cgroupsPath: string,
  current: OciResources,
  change: OciResources,
  options: UpdateOptions = {},
): readonly CgroupWrite[] {
  if ((change.devices?.length ?? 0) > 0) {
    throw new GantryError('unimplemented', { action: 'update cgroup', subject: 'linux.resources.devices' })
  }
  refuseLimitBelowUsage(current, change, options)
  const path = normalizeCgroupsPath(cgroupsPath)
  return host.mode === 'v2'
    ? updateV2(host, path, current, change, options)
    : updateV1(host, path, current, change, options)
}

/** config-linux §memory, checkBeforeUpdate: rather refuse than let the OOM killer make room. */
function refuseLimitBelowUsage(current: OciResources, change: OciResources, { memoryUsage }: UpdateOptions): void {
  const check = change.memory?.checkBeforeUpdate ?? current.memory?.checkBeforeUpdate ?? false
  const limit = change.memory?.limit ?? 0
  if (!check || memoryUsage === undefined || limit <= 0 || limit >= memoryUsage) return
  throw new GantryError('failed_precondition', {
    action: 'update cgroup',
    subject: 'linux.resources.memory.limit',
    reason: `${limit} bytes are less than the ${memoryUsage} in use`,
  })
}
