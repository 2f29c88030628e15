// SPDX-License-Identifier: Apache-2.0
import { errnoOf, GantryError } from '../../../runtime-core/errors.ts'
import { printable } from './tar-entry.ts'

/** An error about a member, with its path and the right class. */
export function named(path: string, cause: unknown): GantryError {
  const errno = errnoOf(cause)
  const isFull = errno === 'ENOSPC' || errno === 'EDQUOT'
  const own = cause instanceof GantryError ? cause.code : undefined
  // What the kernel refuses about a name or a link is the archive's fault, not ours.
  const isContent =
    errno === 'ENAMETOOLONG' || errno === 'ENOTDIR' || errno === 'ELOOP' || errno === 'EMLINK' || errno === 'EISDIR'
  const code = isFull ? 'resource_exhausted' : isContent ? 'invalid_argument' : (own ?? 'internal')
  return new GantryError(code, { action: 'unpack', reason: printable(path), cause })
}

/** A layer went over a limit. */
export function exhausted(reason: string): GantryError {
  return new GantryError('resource_exhausted', { action: `the layer has ${reason}` })
}

/** The archive asks for what cannot be. */
export function refused(action: string): GantryError {
  return new GantryError('invalid_argument', { action })
}
