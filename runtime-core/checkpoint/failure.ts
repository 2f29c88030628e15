// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../errors.ts'
import { operationsOf, planFailure } from '../plan/failure.ts'
import type { Plan } from '../plan/ops.ts'
import { criuErrors } from './log.ts'

/**
 * Says why a restore failed: the operation of its plan, and where that is CRIU's part, CRIU's own words.
 *
 * @param log CRIU's.
 */
export function restoreFailure(
  id: string,
  plan: Plan,
  failed: { readonly index: number; readonly errno: number; readonly said?: string },
  log: string,
): GantryError {
  const action = 'restore container'
  if (operationsOf(plan)[failed.index]?.name !== 'await_restore') return planFailure(action, id, plan, failed)
  const reason = criuErrors(log) ?? (failed.said || 'it ended without an answer')
  return new GantryError('internal', { action, subject: id, reason: `CRIU: ${reason} (log "${log}")` })
}
