// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../errors.ts'
import { RLIMITS } from '../../spec/names.ts'
import type { OciLinux, OciProcess, OciRlimit } from '../../spec/types.ts'
import { forPurpose, type Op, op, SLOTS, tolerating } from '../ops.ts'
import { compileCapabilities } from './capabilities.ts'
import type { HostFacts, SeccompFilter } from './input.ts'
import type { Lifecycle } from './lifecycle.ts'
import { compileScheduling } from './scheduling.ts'
import { NEW_LISTENER } from './seccomp.ts'
import { AT_EMPTY_PATH, CLONE_TREE, ERRNO, OPEN, PLAN_SLOTS } from './slots.ts'
import { hostId, type UserNamespace } from './user-namespace.ts'

const PR_SET_PDEATHSIG = 1
const PR_SET_KEEPCAPS = 8
const PR_SET_NO_NEW_PRIVS = 38
const SIGKILL = 9
const CAP_SYS_RESOURCE = 1n << 24n
/** The group of terminals in every container's devpts. */
const TTY_GROUP = 5

/** Which standard streams the keeper made pipes for. */
export interface Stdio {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
}

/** What of `linux` is a matter of each process, also of an exec's. */
export type ProcessLinux = Pick<OciLinux, 'personality' | 'memoryPolicy' | 'namespaces'>

/**
 * Settings of the kernel for this process that need the host's /proc or privileges: after the cgroup is joined, before
 * any other namespace is entered.
 */
export function compileProcSettings(process: OciProcess, linux: ProcessLinux, host: HostFacts): Op[] {
  return [
    ...compileAppArmor(process),
    ...compileSelinux(process),
    ...compileOomScore(process, host),
    ...compileScheduling(process, linux),
  ]
}

/** Takes effect at the next execve, which is the program's. Here /proc is surely the kernel's own (CVE-2019-16884). */
function compileAppArmor({ apparmorProfile }: OciProcess): Op[] {
  if (apparmorProfile === undefined || apparmorProfile === '') return []
  const write = op('write_file', undefined, '/proc/self/attr/apparmor/exec', `exec ${apparmorProfile}`)
  return forPurpose(`apply AppArmor profile "${apparmorProfile}"`, [write])
}

/** As AppArmor's. Without SELinux there is no such directory, and the error says so. */
function compileSelinux({ selinuxLabel }: OciProcess): Op[] {
  if (selinuxLabel === undefined || selinuxLabel === '') return []
  return forPurpose(`apply SELinux label "${selinuxLabel}"`, [
    op('require_directory', '/sys/fs/selinux/booleans'),
    op('write_file', undefined, '/proc/self/attr/exec', selinuxLabel),
  ])
}

function compileOomScore(process: OciProcess, { capabilities }: HostFacts): Op[] {
  if (process.oomScoreAdj === undefined) return []
  const write = op('write_file', undefined, '/proc/self/oom_score_adj', String(process.oomScoreAdj))
  // Lowering needs CAP_SYS_RESOURCE. A runtime that has not got it leaves the score, as every other does.
  const mayLower = (capabilities.permitted & CAP_SYS_RESOURCE) !== 0n
  return forPurpose('set oom_score_adj', [mayLower ? write : tolerating(write, ERRNO.EACCES)])
}

/** The streams of whoever called: they stay where they are, and become the user's where that is harmless. */
export function inheritStdio(process: OciProcess, user: UserNamespace | undefined): Op[] {
  const uid = hostId(process.user?.uid ?? 0, user?.uids, 'uid')
  return [0, 1, 2].map((number) => op('own_stdio', number, uid))
}

/** stdin, stdout, stderr without a terminal: pipes of the keeper, or /dev/null of the current root. */
export function compileStdio(stdio: Stdio, process: OciProcess, user: UserNamespace | undefined): Op[] {
  const wanted = [stdio.stdin, stdio.stdout, stdio.stderr]
  const uid = hostId(process.user?.uid ?? 0, user?.uids, 'uid')
  const gid = hostId(process.user?.gid ?? 0, user?.gids, 'gid')
  return wanted.flatMap((connected, number) => {
    if (!connected) {
      return [
        op('open', PLAN_SLOTS.work, '/dev/null', OPEN.rdwr | OPEN.nofollow, 0),
        op('dup_to', PLAN_SLOTS.work, number),
      ]
    }
    // The pipe belongs to the user, so that /dev/stdout can be opened again by a program that is not root.
    const own = uid === 0 ? [] : [op('chown_slot', number, uid, gid)]
    return [...own, op('dup_to', number, number)]
  })
}

/**
 * A pty of the container's own devpts as the three streams and the controlling terminal; the keeper gets the master.
 *
 * @param console The container's own terminal is its /dev/console, too; that of an exec is not.
 */
export function compileTerminal(process: OciProcess, user: UserNamespace | undefined, console: boolean): Op[] {
  const { height = 0, width = 0 } = process.consoleSize ?? {}
  const slave = PLAN_SLOTS.ptySlave
  return forPurpose('open terminal', [
    op('open_pty', SLOTS.pty, slave, '/dev/ptmx', height, width),
    op('chown_slot', slave, hostId(process.user?.uid ?? 0, user?.uids, 'uid'), hostId(TTY_GROUP, user?.gids, 'gid')),
    ...(console ? bindConsole(slave) : []),
    op('send_fd', SLOTS.pty, SLOTS.pty),
    op('setsid'),
    ...[0, 1, 2].map((number) => op('dup_to', slave, number)),
    op('set_terminal', 0),
  ])
}

/** By its descriptor, not by a name in /dev/pts, which could be another file by now (CVE-2025-52565). */
function bindConsole(slave: number): Op[] {
  return [
    op('open_tree', PLAN_SLOTS.mount, slave, '', CLONE_TREE | AT_EMPTY_PATH),
    op('make_target', PLAN_SLOTS.target, PLAN_SLOTS.root, '/dev/console', slave, 0, 0),
    op('refuse_procfs', PLAN_SLOTS.target),
    op('move_mount', PLAN_SLOTS.mount, PLAN_SLOTS.target),
  ]
}

/**
 * From a process inside its namespaces to the running program: limits, identity, privileges, filter, exec.
 * The order is the security: bounding set and groups while they may still be changed, user before capabilities,
 * the filter as late as it may be (config.md §process; runc's finalizeNamespace has the same order).
 *
 * @param beforeExec Waits and hooks that come when nothing but the program is left.
 * @throws GantryError `invalid_argument` naming the field that cannot be honoured.
 */
export function compileProcess(
  process: OciProcess,
  seccomp: SeccompFilter | undefined,
  host: HostFacts,
  lifecycle?: Lifecycle,
  beforeExec: readonly Op[] = [],
): Op[] {
  const args = process.args ?? []
  if (args[0] === undefined || args[0] === '') {
    throw new GantryError('invalid_argument', {
      action: 'read process.args',
      reason: 'it is empty, expected a program',
    })
  }
  const noNewPrivileges = process.noNewPrivileges ?? false
  const filter = seccomp === undefined ? [] : compileFilter(seccomp)
  const programs = candidates(args[0], process.env ?? [])
  const ready =
    lifecycle === undefined
      ? []
      : [...forPurpose(`start "${args[0]}"`, [op('require_program', programs)]), ...beforeExec]
  return [
    ...compileRlimits(process),
    closeDescriptors(lifecycle),
    ...forPurpose(`change to working directory "${process.cwd}"`, [op('chdir', process.cwd)]),
    ...(process.user?.umask === undefined ? [] : [op('umask', process.user.umask)]),
    ...(noNewPrivileges ? [] : filter),
    ...compileIdentity(process, host),
    ...(lifecycle === undefined ? [op('prctl', PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)] : []),
    ...(noNewPrivileges ? [op('prctl', PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)] : []),
    ...ready,
    op('reset_signals'),
    ...(noNewPrivileges ? filter : []),
    ...forPurpose(`start "${args[0]}"`, [op('execve', programs, args, process.env ?? [])]),
  ]
}

function closeDescriptors(lifecycle: Lifecycle | undefined): Op {
  const first = 3 + (lifecycle?.preservedFds ?? 0)
  if (lifecycle?.gate === undefined) return op('close_from', first)
  return op('close_others', first, SLOTS.startGate, SLOTS.startAnswer)
}

function compileIdentity(process: OciProcess, host: HostFacts): Op[] {
  const { uid = 0, gid = 0, additionalGids = [] } = process.user ?? {}
  const sets =
    process.capabilities === undefined ? undefined : compileCapabilities(process.capabilities, host.capabilities)
  return [
    ...(sets === undefined ? [] : [op('drop_bounding', sets.bounding), op('prctl', PR_SET_KEEPCAPS, 1, 0, 0, 0)]),
    op('set_groups', packGroups(additionalGids)),
    op('set_gid', gid),
    op('set_uid', uid),
    ...(sets === undefined
      ? []
      : [
          op('prctl', PR_SET_KEEPCAPS, 0, 0, 0, 0),
          op('capset', sets.effective, sets.permitted, sets.inheritable),
          ...(sets.ambient === 0n ? [] : [op('raise_ambient', sets.ambient)]),
        ]),
  ]
}

function compileFilter({ filter, flags }: SeccompFilter): Op[] {
  const asks = (flags & NEW_LISTENER) !== 0
  return forPurpose('load seccomp filter', [
    asks ? op('seccomp_notify', filter, flags & ~NEW_LISTENER) : op('seccomp', filter, flags),
  ])
}

/** Raising one needs CAP_SYS_RESOURCE in the host's user namespace: a container with its own sets them before it enters that. */
export function compileRlimits({ rlimits = [] }: OciProcess): Op[] {
  return rlimits.flatMap(compileRlimit)
}

function compileRlimit(limit: OciRlimit): Op[] {
  const resource = RLIMITS.indexOf(limit.type.replace(/^RLIMIT_/, ''))
  if (resource < 0) {
    throw new GantryError('invalid_argument', {
      action: 'read process.rlimits',
      subject: limit.type,
      reason: 'unknown limit',
    })
  }
  return forPurpose(`set ${limit.type}`, [op('set_rlimit', resource, toLimit(limit.soft), toLimit(limit.hard))])
}

/** −1 and what a JavaScript number cannot hold exactly stand for RLIM_INFINITY; a bigint is what it says. */
function toLimit(value: number | bigint): bigint {
  if (typeof value === 'bigint') return BigInt.asUintN(64, value)
  return value < 0 || value > Number.MAX_SAFE_INTEGER ? 0xffff_ffff_ffff_ffffn : BigInt(value)
}

function packGroups(gids: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(gids.length * 4)
  gids.forEach((gid, index) => {
    bytes.writeUInt32LE(gid >>> 0, index * 4)
  })
  return bytes
}

/** Where the program may be: as given when it has a slash, else in each directory of the container's PATH. */
export function candidates(program: string, env: readonly string[]): string[] {
  if (program.includes('/')) return [program]
  const path = env.findLast((entry) => entry.startsWith('PATH='))?.slice(5) ?? ''
  return path.split(':').map((directory) => `${directory === '' ? '.' : directory}/${program}`)
}
