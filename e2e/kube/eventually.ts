// SPDX-License-Identifier: Apache-2.0
import { messageOf } from '../../runtime-core/errors.ts'
import { waitFor } from '../harness/wait.ts'

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
  try {
    return await waitFor(what, probe, timeoutMs, POLL_MS)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const seen = state === undefined ? '' : `: ${await state()}`
    const problem = error.cause === undefined ? '' : ` (at last: ${messageOf(error.cause)})`
    throw new Error(`${error.message}${seen}${problem}`, { cause: error.cause })
  }
}
