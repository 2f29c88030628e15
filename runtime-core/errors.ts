// SPDX-License-Identifier: Apache-2.0

/**
 * The closed set of failure classes. Each stands for what a caller can do about it; the CRI edge maps it to a
 * gRPC status in one table (shim/server/errors.ts), the OCI command line to an exit code.
 */
export type ErrorCode =
  | 'invalid_argument'
  | 'not_found'
  | 'already_exists'
  | 'failed_precondition'
  | 'permission_denied'
  | 'unauthenticated'
  | 'resource_exhausted'
  | 'deadline_exceeded'
  | 'cancelled'
  | 'unavailable'
  | 'unimplemented'
  | 'internal'

/** What an error carries beside its code. Every field is optional but `action`. */
export interface ErrorContext {
  /** What was being done, lower case, no "failed to": `mount overlay on`, `pull image`. */
  readonly action: string
  /** What it was done to; quoted in the text: a path, an id, a reference. */
  readonly subject?: string
  /** The reason in words, where errno or the cause do not say it. */
  readonly reason?: string
  /** Symbolic name of the kernel's error: `ENOSPC`. */
  readonly errno?: string
  /** Advice for the reader; not part of the message. */
  readonly hint?: string
  /** Named stage that failed or hung: `cni_add`, `rootfs`. */
  readonly stage?: string
  readonly cause?: unknown
  /** Failures met while undoing; carried with the first error, never instead of it. */
  readonly cleanup?: readonly unknown[]
}

/**
 * The one error class of Gantry. Its text has a grammar: `action "subject": reason: errno: cause`, outermost first.
 *
 * @example
 * throw new GantryError('not_found', { action: 'open container', subject: id })
 */
export class GantryError extends Error {
  readonly code: ErrorCode
  readonly action: string
  readonly subject: string | undefined
  readonly errno: string | undefined
  readonly hint: string | undefined
  readonly stage: string | undefined
  readonly cleanup: readonly unknown[]

  constructor(code: ErrorCode, context: ErrorContext) {
    super(describe(context), context.cause === undefined ? undefined : { cause: context.cause })
    this.name = 'GantryError'
    this.code = code
    this.action = context.action
    this.subject = context.subject
    this.errno = context.errno ?? errnoOf(context.cause)
    this.hint = context.hint
    this.stage = context.stage
    this.cleanup = context.cleanup ?? []
  }
}

/** The symbolic errno a Node system error or a GantryError carries (`ENOENT`), or undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (error instanceof GantryError) return error.errno
  if (error instanceof Error && 'code' in error && typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code)) {
    return error.code
  }
  return undefined
}

/** The text of anything thrown, without a stack. Node's system errors are reduced to their errno. */
export function messageOf(error: unknown): string {
  if (error instanceof GantryError) return error.message
  const errno = errnoOf(error)
  if (errno !== undefined && error instanceof Error && 'syscall' in error) return errno
  return error instanceof Error ? error.message : String(error)
}

/** True when `error` is a GantryError of one of the given codes. */
export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): error is GantryError {
  return error instanceof GantryError && codes.includes(error.code)
}

function describe({ action, subject, reason, errno, cause }: ErrorContext): string {
  const parts = [subject === undefined ? action : `${action} ${JSON.stringify(subject)}`]
  if (reason !== undefined) parts.push(reason)
  if (errno !== undefined) parts.push(errno)
  if (cause !== undefined) {
    const text = messageOf(cause)
    if (text !== errno) parts.push(text)
  }
  return parts.join(': ')
}
