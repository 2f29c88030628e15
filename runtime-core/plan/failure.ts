// SPDX-License-Identifier: Apache-2.0
import { cgroupWriteHint } from '../cgroup/hint.ts'
import { type ErrorCode, GantryError } from '../errors.ts'
import { FAILED_CLONE, FAILED_IO } from '../keeper/protocol.ts'
import { errnoName } from '../kernel/errno.ts'
import { CGROUP_LIMIT } from './compile/cgroup.ts'
import { printOp } from './explain.ts'
import type { Op, OpName, Plan } from './ops.ts'

const MAX_OPERATION_TEXT = 400

/** All operations in the order the keeper counts them. */
export function operationsOf(plan: Plan): readonly Op[] {
  return [...plan.prepare, ...plan.parent, ...plan.child]
}

/**
 * Says which operation of a plan failed, on what, and why: `start container "c1": mount "/data" on "/mnt":
 * open_tree …: ENOENT`.
 *
 * @param failed What a failed hook said of itself is `said`: it stands in place of the errno.
 * @param interrupted The start was ended by the caller's deadline: the operation named is the one it hung in.
 */
export function planFailure(
  action: string,
  subject: string,
  plan: Plan,
  failed: { readonly index: number; readonly errno: number; readonly said?: string },
  interrupted = false,
): GantryError {
  const operation = operationsOf(plan)[failed.index]
  const errno = errnoName(failed.errno)
  const reason = stepOf(failed.index, plan)
  if (reason !== undefined) {
    return new GantryError(EXHAUSTED.has(errno) ? 'resource_exhausted' : 'internal', { action, subject, reason, errno })
  }
  if (operation === undefined) {
    return new GantryError(errno === 'ESRCH' ? 'failed_precondition' : 'internal', { action, subject, errno })
  }
  if (failed.said !== undefined && failed.said !== '') {
    const reason = `${operation.purpose ?? operation.name}: ${failed.said}`
    return new GantryError('failed_precondition', { action, subject, reason })
  }
  const text = printOp(operation)
  const shown = text.length > MAX_OPERATION_TEXT ? `${text.slice(0, MAX_OPERATION_TEXT)}…` : text
  const what = operation.purpose === undefined ? shown : `${operation.purpose}: ${shown}`
  if (interrupted) {
    return new GantryError('deadline_exceeded', { action, subject, reason: `${what}: it did not finish in time` })
  }
  const hint = hintFor(operation, errno)
  return new GantryError(codeFor(operation, errno), {
    action,
    subject,
    reason: what,
    errno,
    ...(hint === undefined ? {} : { hint }),
  })
}

/** A step of a start that is no operation of its plan. */
function stepOf(index: number, plan: Plan): string | undefined {
  if (index === FAILED_CLONE) return `clone3 flags=0x${plan.cloneFlags.toString(16)}`
  return index === FAILED_IO ? 'open log and streams' : undefined
}

const EXHAUSTED: ReadonlySet<string> = new Set(['ENOSPC', 'ENOMEM', 'EMFILE', 'ENFILE', 'EAGAIN', 'EDQUOT'])
/** What the bundle names and its image or host does not have: the caller's to mend. */
const CALLERS: ReadonlySet<string> = new Set([
  'ENOENT',
  'ENOTDIR',
  'EACCES',
  'ENOEXEC',
  'EISDIR',
  'ELOOP',
  'EINVAL',
  'ERANGE',
])

function codeFor(operation: Op, errno: string): ErrorCode {
  if (EXHAUSTED.has(errno)) return 'resource_exhausted'
  return CALLERS.has(errno) && operation.purpose !== undefined ? 'invalid_argument' : 'internal'
}

function hintFor(operation: Op, errno: string): string | undefined {
  if (errno === 'ENOENT') {
    const path = operation.args.find((argument) => typeof argument === 'string' && argument.startsWith('/')) ?? ''
    const [, module] = KERNEL_PARTS.find(([part]) => String(path).includes(part)) ?? []
    if (module !== undefined) return `${module} is not enabled on this host`
  }
  if (operation.purpose === CGROUP_LIMIT) {
    const path = operation.args.findLast((argument) => typeof argument === 'string' && argument.startsWith('/'))
    return cgroupWriteHint(String(path), errno)
  }
  return HINTS[operation.name]?.[errno]
}

/** Their files are missing where they are not. */
const KERNEL_PARTS = [
  ['/attr/apparmor/', 'AppArmor'],
  ['/sys/fs/selinux/', 'SELinux'],
  ['/sys/fs/resctrl/', 'resctrl (Intel RDT, AMD QoS)'],
] as const

/** What an errno means where the operation alone does not tell. */
const HINTS: Readonly<Partial<Record<OpName, Readonly<Record<string, string>>>>> = {
  execve: {
    ENOENT: 'the program, or the interpreter its first line names, is not in the image',
    EACCES: 'the file is not executable for this user, or its mount is noexec',
    ENOEXEC: 'the file is no program of this machine’s architecture',
  },
  setns: { EINVAL: 'the path is no namespace, or one of another type' },
  refuse_same: { EPERM: 'it is the host’s own, which a container must not change' },
  refuse_procfs: { EPERM: 'a link of the image leads the mount into /proc, of which no part may be covered' },
  require_procfs: { EPERM: 'only a whole procfs may be bound onto /proc' },
  open_plain_in: { ELOOP: 'the path is, or passes through, a symbolic link of the image' },
  idmap_mount: { EINVAL: 'this file system, or this kernel, cannot be id-mapped' },
}
