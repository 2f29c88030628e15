// SPDX-License-Identifier: Apache-2.0
import { posix } from 'node:path'
import { GantryError } from '../../errors.ts'
import type { OciMount } from '../../spec/types.ts'
import { type Op, op } from '../ops.ts'
import { OPEN, PLAN_SLOTS } from './slots.ts'
import { hostId, type UserNamespace } from './user-namespace.ts'

/** Files of /proc that may be covered: lxcfs and the like show a container's own figures there (as runc lists them). */
const COVERABLE_IN_PROC: ReadonlySet<string> = new Set(
  [
    'cpuinfo',
    'diskstats',
    'loadavg',
    'meminfo',
    'slabinfo',
    'stat',
    'swaps',
    'uptime',
    'sys/kernel/ns_last_pid',
    'sys/crypto/fips_enabled',
  ].map((name) => `/proc/${name}`),
)

/** Their files are written, labelled and masked by name later: the name must be theirs. */
const AT_PLAIN_DIRECTORIES: ReadonlySet<string> = new Set(['proc', 'sysfs'])

/** Without dots and doubled slashes; a relative one begins at the root (config.md §mounts). */
export function destinationOf({ destination }: OciMount): string {
  const path = posix.normalize(`/${destination}`).replace(/\/+$/, '')
  return path === '' ? '/' : path
}

export function describe(mount: OciMount): string {
  const what = mount.source === undefined ? (mount.type ?? 'mount') : `"${mount.source}"`
  return `mount ${what} on "${mount.destination}"`
}

/**
 * A mount that covers a part of /proc could hide what security depends on from everybody who looks: the runtime itself
 * wrote its labels to such a file once (CVE-2019-16884, CVE-2023-27561).
 *
 * @throws GantryError `invalid_argument`
 */
export function refuseBadDestination(mount: OciMount, isBind: boolean): void {
  const path = destinationOf(mount)
  const refuse = (reason: string): never => {
    throw new GantryError('invalid_argument', { action: describe(mount), reason })
  }
  if (path === '/') refuse('the root is root.path’s')
  if (path === '/proc' && mount.type !== 'proc' && !isBind) refuse('only a procfs may be mounted on /proc')
  if (path.startsWith('/proc/') && !COVERABLE_IN_PROC.has(path)) refuse('it is inside of /proc')
}

/** Puts the mount of `slot` at its destination; the mount point is made like the mount's root, file or directory. */
export function attach(mount: OciMount, slot: number, user: UserNamespace | undefined): Op[] {
  const [uid, gid] = [hostId(0, user?.uids, 'uid'), hostId(0, user?.gids, 'gid')]
  return [
    op('make_target', PLAN_SLOTS.target, PLAN_SLOTS.root, mount.destination, slot, uid, gid),
    ...checkTarget(mount),
    op('move_mount', slot, PLAN_SLOTS.target),
    op('close', slot),
  ]
}

/** What only the kernel can say of the mount point: whether links of the image have led it elsewhere. */
export function checkTarget(mount: OciMount): Op[] {
  const path = destinationOf(mount)
  const flags = OPEN.path | OPEN.directory
  return [
    ...(AT_PLAIN_DIRECTORIES.has(mount.type ?? '')
      ? [op('open_plain_in', PLAN_SLOTS.target, PLAN_SLOTS.root, path, flags)]
      : []),
    ...(path === '/proc' || COVERABLE_IN_PROC.has(path) ? [] : [op('refuse_procfs', PLAN_SLOTS.target)]),
  ]
}
