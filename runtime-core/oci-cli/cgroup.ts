// SPDX-License-Identifier: Apache-2.0
import type { CgroupHost } from '../cgroup/detect.ts'
import { type CgroupPlan, compileCgroup } from '../cgroup/manager.ts'
import type { SystemdDriver } from '../cgroup/systemd.ts'
import { isScopePath, parseScopePath } from '../cgroup/systemd-path.ts'
import { GantryError } from '../errors.ts'
import type { OciSpec } from '../spec/types.ts'
import type { GlobalOptions } from './global-options.ts'

/** Where a container's cgroup is, and who makes it. */
export interface CgroupPlace {
  readonly plan: CgroupPlan
  /** Below the cgroup mounts. */
  readonly path: string
  /** `slice:prefix:name`, where systemd makes it. */
  readonly scopePath?: string
}

/** systemd, where it is to make the cgroups: loaded only then. */
export async function openSystemd(host: CgroupHost): Promise<SystemdDriver> {
  const { SystemdDriver } = await import('../cgroup/systemd.ts')
  return await SystemdDriver.open(host)
}

/**
 * `linux.cgroupsPath` and `linux.resources` as what has to be done. By `--systemd-cgroup` the path has the form
 * `slice:prefix:name`, as runc has it; without one the container is in system.slice.
 *
 * @param systemd undefined: directories are made by the plan
 * @throws GantryError invalid_argument for a path of the other form.
 */
export function placeCgroup(
  id: string,
  { linux, annotations = {} }: OciSpec,
  host: CgroupHost,
  systemd: SystemdDriver | undefined,
): CgroupPlace {
  const given = linux?.cgroupsPath ?? ''
  const resources = linux?.resources ?? {}
  if (systemd === undefined) {
    const path = given === '' ? `/${id}` : given
    return { plan: compileCgroup(host, path, resources), path }
  }
  const scopePath = given === '' ? `:gantry:${id}` : given
  if (!isScopePath(scopePath)) {
    throw new GantryError('invalid_argument', {
      action: 'place cgroup',
      subject: given.slice(0, 300),
      reason: 'expected linux.cgroupsPath as slice:prefix:name, for --systemd-cgroup is given',
    })
  }
  return {
    plan: systemd.compile(scopePath, resources, { annotations }),
    path: parseScopePath(scopePath).path,
    scopePath,
  }
}

/** @throws GantryError `unimplemented` where the caller is not root: systemd of the system is root's. */
export function requireSystemSystemd({ rootless }: GlobalOptions): void {
  if (!rootless) return
  throw new GantryError('unimplemented', {
    action: 'make cgroup by systemd',
    reason: "a user's own systemd is not supported",
    hint: 'leave --systemd-cgroup out',
  })
}
