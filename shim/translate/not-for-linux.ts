// SPDX-License-Identifier: Apache-2.0
import { invalidField } from './invalid-field.ts'

/**
 * Refuses what only Windows has: whoever sends it expects something that will not happen.
 *
 * @param field Of the request. @param value What it holds; absent is well.
 * @throws GantryError invalid_argument naming the field.
 */
export function refuseWindows(field: string, value: unknown): void {
  if (value !== undefined) throw invalidField(field, 'settings for Windows', 'none on Linux')
}
