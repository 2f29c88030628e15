// SPDX-License-Identifier: Apache-2.0
import { Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { type ErrorCode, errnoOf, GantryError, messageOf } from '../../runtime-core/errors.ts'

/** The one table from our codes to gRPC's (facts: cri-semantics §1 "gRPC codes"). */
const STATUS: Readonly<Record<ErrorCode, status>> = {
  invalid_argument: status.INVALID_ARGUMENT,
  not_found: status.NOT_FOUND,
  already_exists: status.ALREADY_EXISTS,
  failed_precondition: status.FAILED_PRECONDITION,
  permission_denied: status.PERMISSION_DENIED,
  unauthenticated: status.UNAUTHENTICATED,
  resource_exhausted: status.RESOURCE_EXHAUSTED,
  deadline_exceeded: status.DEADLINE_EXCEEDED,
  cancelled: status.CANCELLED,
  unavailable: status.UNAVAILABLE,
  unimplemented: status.UNIMPLEMENTED,
  internal: status.INTERNAL,
}

/** The text goes into an HTTP/2 header; longer ones are cut, as clients limit headers. */
const MAX_DETAILS = 4096

/** What a client is told of an error. An error that is not ours is a bug: INTERNAL, with its text. */
export function toServiceError(error: unknown): ServiceError {
  const code = STATUS[codeOf(error)]
  const hint = error instanceof GantryError && error.hint !== undefined ? ` (${error.hint})` : ''
  const details = `${messageOf(error)}${hint}`.slice(0, MAX_DETAILS)
  return Object.assign(new Error(details), { code, details, metadata: new Metadata() })
}

/** Wherever a file was written to a full disk: that is the node's state, and no bug. */
const EXHAUSTED: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT'])

function codeOf(error: unknown): ErrorCode {
  const code = error instanceof GantryError ? error.code : 'internal'
  return code === 'internal' && EXHAUSTED.has(errnoOf(error)) ? 'resource_exhausted' : code
}

/** The name of a gRPC status, for logs and metrics: `NOT_FOUND`. */
export function statusName(code: number): string {
  return status[code] ?? 'UNKNOWN'
}
