// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../runtime-core/errors.ts'

const SHOWN_CHARACTERS = 128

/**
 * The error for a field of a request that cannot be used: names the field, its value and what would do.
 *
 * @example
 * invalidField('config.working_dir', 'tmp', 'an absolute path')
 * // translate "config.working_dir": "tmp": expected an absolute path
 */
export function invalidField(field: string, value: unknown, expected: string): GantryError {
  return new GantryError('invalid_argument', {
    action: 'translate',
    subject: field,
    reason: `${shown(value)}: expected ${expected}`,
  })
}

/** Hostile values end up in logs: quoted and cut. */
function shown(value: unknown): string {
  if (typeof value !== 'string') return String(value)
  const cut = value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS)}…` : value
  return JSON.stringify(cut)
}
