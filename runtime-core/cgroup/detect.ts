// SPDX-License-Identifier: Apache-2.0

import { readFile } from 'node:fs/promises'
import { errnoOf, GantryError } from '../errors.ts'
import { parseMountInfo } from '../kernel/mountinfo.ts'

/** `v1`: controllers each in a hierarchy of their own; `v2`: all in one; `hybrid`: v1 beside a v2 without controllers. */
export type CgroupMode = 'v1' | 'hybrid' | 'v2'

/** How cgroups are mounted on this machine. */
export interface CgroupHost {
  readonly mode: CgroupMode
  /** Where cgroup2 is mounted (v2, hybrid). */
  readonly unifiedMount?: string
  /** v1 controller → mount point of its hierarchy. Controllers mounted together share one. Named hierarchies are not here. */
  readonly v1: ReadonlyMap<string, string>
  /** v1 hierarchies without controllers, by name: `systemd`. Absent where there are none. */
  readonly named?: ReadonlyMap<string, string>
  /** Every controller that can be used, of either version. */
  readonly controllers: readonly string[]
  /** This process's own cgroup by controller; `''` is the unified hierarchy. Relative to the mount point. */
  readonly self: ReadonlyMap<string, string>
}

export interface CgroupTexts {
  /** /proc/self/mountinfo */
  readonly mountinfo: string
  /** /proc/self/cgroup */
  readonly selfCgroup: string
  /** cgroup.controllers at the root of the unified hierarchy, where there is one. */
  readonly controllersText?: string
}

/** Options of a v1 mount that are not controllers (cgroups(7)). */
const NOT_CONTROLLERS = new Set(['rw', 'ro', 'xattr', 'clone_children', 'noprefix', 'all', 'none', 'favordynmods'])

/**
 * How cgroups are mounted, from the kernel's own texts. Named v1 hierarchies (`name=systemd`) are left out: they limit
 * nothing, and below systemd's only systemd should write.
 *
 * @throws GantryError failed_precondition when no cgroup file system is mounted.
 */
export function detectCgroups({ mountinfo, selfCgroup, controllersText = '' }: CgroupTexts): CgroupHost {
  const mounts = cgroupMounts(mountinfo)
  const unifiedMount = preferred(mounts.filter(({ type }) => type === 'cgroup2'))?.mountPoint
  const v1 = new Map<string, string>()
  for (const controller of new Set(mounts.flatMap(({ controllers }) => controllers))) {
    const mount = preferred(mounts.filter(({ controllers }) => controllers.includes(controller)))
    if (mount !== undefined) v1.set(controller, mount.mountPoint)
  }
  if (unifiedMount === undefined && v1.size === 0) {
    throw new GantryError('failed_precondition', {
      action: 'find cgroups',
      reason: 'neither cgroup2 nor a cgroup v1 controller is mounted',
      hint: 'mount cgroup2 on /sys/fs/cgroup, as every current distribution does',
    })
  }
  const named = mounts.flatMap(({ name, mountPoint }) => (name === undefined ? [] : [[name, mountPoint] as const]))
  const unified = controllersText.split(/\s+/).filter((name) => name !== '')
  return {
    mode: v1.size === 0 ? 'v2' : unifiedMount === undefined ? 'v1' : 'hybrid',
    ...(unifiedMount === undefined ? {} : { unifiedMount }),
    v1,
    ...(named.length === 0 ? {} : { named: new Map(named) }),
    controllers: [...v1.keys(), ...unified.filter((name) => !v1.has(name))],
    self: parseSelfCgroup(selfCgroup),
  }
}

/** {@link detectCgroups} of the machine this process runs on; `proc` is where procfs is mounted. */
export async function readCgroupHost(proc = '/proc'): Promise<CgroupHost> {
  const [mountinfo, selfCgroup] = await Promise.all([
    readFile(`${proc}/self/mountinfo`, 'utf8'),
    readFile(`${proc}/self/cgroup`, 'utf8'),
  ])
  const { unifiedMount } = detectCgroups({ mountinfo, selfCgroup })
  if (unifiedMount === undefined) return detectCgroups({ mountinfo, selfCgroup })
  const controllersText = await readFile(`${unifiedMount}/cgroup.controllers`, 'utf8').catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return ''
    throw error
  })
  return detectCgroups({ mountinfo, selfCgroup, controllersText })
}

interface Mount {
  /** Which part of the hierarchy is mounted: `/` outside of containers. */
  readonly root: string
  readonly mountPoint: string
  readonly type: string
  readonly controllers: readonly string[]
  /** Of a v1 hierarchy mounted with `name=`. */
  readonly name: string | undefined
}

function cgroupMounts(mountinfo: string): Mount[] {
  const found = parseMountInfo(mountinfo).filter(({ type }) => type === 'cgroup' || type === 'cgroup2')
  return found.map(({ root, mountPoint, type, superOptions }) => ({
    root,
    mountPoint,
    type,
    controllers: type === 'cgroup' ? superOptions.split(',').filter(isController) : [],
    name: type === 'cgroup' ? /(?:^|,)name=([^,]+)/.exec(superOptions)?.[1] : undefined,
  }))
}

function isController(option: string): boolean {
  return option !== '' && !option.includes('=') && !NOT_CONTROLLERS.has(option)
}

/** Of several mounts of one hierarchy (binds into containers' root directories) the usual place, else the first. */
function preferred(mounts: readonly Mount[]): Mount | undefined {
  const usual = ({ mountPoint }: Mount) => mountPoint === '/sys/fs/cgroup' || mountPoint.startsWith('/sys/fs/cgroup/')
  return mounts.find((mount) => usual(mount) && mount.root === '/') ?? mounts.find(usual) ?? mounts[0]
}

/** Lines of /proc/self/cgroup: `4:memory:/a`, `2:cpu,cpuacct:/b`, `9:name=systemd:/`, `0::/c`. */
function parseSelfCgroup(text: string): Map<string, string> {
  const self = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, names, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (names === undefined || path === undefined) continue
    for (const name of names.split(',')) self.set(name, path)
  }
  return self
}
