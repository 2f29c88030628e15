// SPDX-License-Identifier: Apache-2.0
import { type ServiceError, status } from '@grpc/grpc-js'
import * as assert from 'uvu/assert'

/** Name of a gRPC status: `NOT_FOUND`. */
export type StatusName = Exclude<keyof typeof status, 'OK'>

/**
 * Waits for a call to fail, and checks that it answers one of the codes and that its text has all of `parts`.
 * Returns the text.
 */
export async function expectFailure(
  call: Promise<unknown>,
  codes: StatusName | readonly StatusName[],
  ...parts: readonly (string | RegExp)[]
): Promise<string> {
  const error = await call.then(
    (answer) => assert.unreachable(`expected ${codes}, got an answer: ${JSON.stringify(answer, showBigInt)}`),
    (failure: unknown) => failure as ServiceError,
  )
  // What is no answer of a server, such as a failed assertion, must not be taken for one.
  if (error === undefined || typeof error.code !== 'number') throw error
  const { code, details } = error
  const wanted = typeof codes === 'string' ? [codes] : codes
  assert.ok(wanted.includes(status[code] as StatusName), `expected ${codes}, got ${status[code]}: ${details}`)
  for (const part of parts) {
    const found = typeof part === 'string' ? details.includes(part) : part.test(details)
    assert.ok(found, `expected ${String(part)} in: ${details}`)
  }
  return details
}

function showBigInt(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
