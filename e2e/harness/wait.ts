// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 10
const DEFAULT_TIMEOUT_MS = 15_000

/**
 * Asks again and again until `probe` gives something else than undefined or false, and returns it. For what has no
 * event to wait for.
 *
 * @throws Error naming `what`, when it does not come in time; with the error of the last probe, where it failed, as its cause.
 */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = DEFAULT_TIMEOUT_MS,
  pollMs = POLL_MS,
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
    await delay(pollMs)
  } while (performance.now() < deadline)
  throw new Error(`waited ${timeoutMs} ms in vain: ${what}`, last === undefined ? {} : { cause: last })
}
