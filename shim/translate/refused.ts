// SPDX-License-Identifier: Apache-2.0
import * as assert from 'uvu/assert'
import { type ErrorCode, GantryError } from '../../runtime-core/errors.ts'

/** For tests: asserts that `act` throws a GantryError of this code whose text holds every fragment. */
export function refused(act: () => unknown, code: ErrorCode, ...fragments: readonly string[]): void {
  try {
    const result = act()
    assert.unreachable(
      `not refused: ${String(JSON.stringify(result, (_, value) => (typeof value === 'bigint' ? `${value}n` : value)))}`,
    )
  } catch (error) {
    if (!(error instanceof GantryError)) throw error
    assert.is(error.code, code, error.message)
    for (const fragment of fragments) assert.ok(error.message.includes(fragment), `${error.message} lacks ${fragment}`)
  }
}
