// SPDX-License-Identifier: Apache-2.0
import { type ErrorCode, hasCode, messageOf } from '../../runtime-core/errors.ts'

/** Waits for something to fail with a code and a text. @throws what else it failed with, or that it did not. */
export async function rejects(work: Promise<unknown>, code: ErrorCode, text: RegExp): Promise<void> {
  const error = await work.then(
    () => new Error(`expected ${code} ${text}, but it succeeded`),
    (failure: unknown) => failure,
  )
  if (!hasCode(error, code)) throw error
  if (!text.test(messageOf(error))) throw new Error(`expected ${text} in: ${messageOf(error)}`)
}
