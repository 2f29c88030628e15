// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../../runtime-core/errors.ts'

/** How long to ask, and what to say when it was in vain. */
export interface Patience {
  readonly timeoutMs?: number
  /** What was last seen, for the error. */
  readonly state?: () => string | Promise<string>
}

const POLL_MS = 100
const DEFAULT_TIMEOUT_MS = 60_000

/**
 * Asks until `probe` gives something else than undefined or false, and returns it; in steps that an API server and a
 * kubelet on a small machine do not feel.
 *
 * @throws Error naming `what` and what was last seen, when it does not come in time.
 */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  { timeoutMs = DEFAULT_TIMEOUT_MS, state }: Patience = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  let last: unknown
  do {
    try {
      const found = await probe()
      last = undefined
      if (found !== undefined && found !== false) return found
    } catch (error) {
      last = error
    }
    await delay(POLL_MS)
  } while (performance.now() < deadline)
  const seen = state === undefined ? '' : `: ${await state()}`
  const problem = last === undefined ? '' : ` (at last: ${messageOf(last)})`
  throw new Error(`waited ${timeoutMs} ms in vain: ${what}${seen}${problem}`)
}
