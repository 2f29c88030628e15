// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../errors.ts'
import type { OciLinux, OciNamespaceType } from '../../spec/types.ts'
import { forPurpose, type Op, op } from '../ops.ts'
import { OPEN, PLAN_SLOTS } from './slots.ts'

/**
 * Kernel parameters (config-linux.md §sysctl), written through the host's /proc: a namespaced parameter is that of the
 * writer's namespaces. Whether a parameter is namespaced is the caller's rule.
 *
 * @throws GantryError `invalid_argument` for a name that would leave /proc/sys.
 */
export function compileSysctls(sysctls: Readonly<Record<string, string>>): Op[] {
  return Object.entries(sysctls).flatMap(([name, value]) =>
    forPurpose(`set sysctl "${name}"`, [op('write_file', undefined, `/proc/sys/${sysctlPath(name)}`, value)]),
  )
}

export interface ContainerSysctls {
  /** In the container's network, IPC and UTS namespaces, through the host's /proc. */
  readonly early: readonly Op[]
  /** Holds the host's /proc/sys for those that follow: before the root changes. */
  readonly hold: readonly Op[]
  /** `user.*`: in the container's user namespace, once it is entered. */
  readonly late: readonly Op[]
}

/**
 * `linux.sysctl` of one container (config-linux.md §sysctl): only what its own namespaces have.
 *
 * @throws GantryError `invalid_argument` that names a parameter of the host, or one of a namespace it has not got.
 */
export function compileContainerSysctls({ sysctl = {}, namespaces = [] }: OciLinux): ContainerSysctls {
  const own = new Set(namespaces.map(({ type }) => type))
  for (const name of Object.keys(sysctl)) {
    const path = sysctlPath(name)
    const owner = ownerOf(path)
    if (path === 'kernel/hostname') throw refused(name, 'it is what the field "hostname" sets')
    if (owner === undefined) throw refused(name, 'it is the whole host’s, no namespace has its own')
    if (!own.has(owner)) throw refused(name, `it is the host’s, for linux.namespaces has no ${owner} namespace`)
  }
  const isUser = ([name]: readonly [string, string]) => ownerOf(sysctlPath(name)) === 'user'
  const entries = Object.entries(sysctl)
  const late = entries.filter(isUser).flatMap(([name, value]) => {
    const write = op('write_file', PLAN_SLOTS.ownMount, sysctlPath(name), value)
    return forPurpose(`set sysctl "${name}"`, [write])
  })
  return {
    early: compileSysctls(Object.fromEntries(entries.filter((entry) => !isUser(entry)))),
    hold: late.length === 0 ? [] : [op('open', PLAN_SLOTS.ownMount, '/proc/sys', OPEN.path | OPEN.directory, 0)],
    late,
  }
}

/** Whose parameters are set: none of them may be the host's. */
export function namespacesOfSysctls(sysctl: Readonly<Record<string, string>>): ReadonlySet<OciNamespaceType> {
  const owners = Object.keys(sysctl).map((name) => ownerOf(sysctlPath(name)))
  return new Set(owners.filter((owner) => owner !== undefined))
}

/** namespaces(7) and the kernel's tables (ipc/ipc_sysctl.c, ipc/mq_sysctl.c, kernel/utsname_sysctl.c, kernel/ucount.c). */
function ownerOf(path: string): OciNamespaceType | undefined {
  if (path.startsWith('net/')) return 'network'
  if (path.startsWith('fs/mqueue/') || IPC.test(path)) return 'ipc'
  if (path.startsWith('user/')) return 'user'
  return path === 'kernel/domainname' || path === 'kernel/hostname' ? 'uts' : undefined
}

const IPC =
  /^kernel\/(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced|auto_msgmni|(msg|sem|shm)_next_id)$/

function refused(name: string, reason: string): GantryError {
  return new GantryError('invalid_argument', { action: 'read sysctl', subject: name, reason })
}

/** sysctl(8): whichever of `.` and `/` comes first separates; the other stands for itself, swapped. */
function sysctlPath(name: string): string {
  if (!/^[a-z0-9_-]+([./][A-Za-z0-9_:*-]+)+$/.test(name)) throw refused(name, 'not a parameter name')
  const dotFirst = name.search(/[./]/) === name.indexOf('.')
  return dotFirst ? name.replace(/[./]/g, (c) => (c === '.' ? '/' : '.')) : name
}
