// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto'
import { GantryError } from '../../runtime-core/errors.ts'

/** How long a URL may be kept before it is opened. */
export const TOKEN_LIFE_MS = 60_000
export const MAX_TOKENS = 1000
/** 144 bits: not to be guessed, and 24 characters that every URL takes as they are. */
const TOKEN_BYTES = 18

/** What stands behind a URL, for one use within a minute. */
export class Tokens<T> {
  readonly #waiting = new Map<string, { readonly value: T; readonly expiresMs: number }>()
  readonly #nowMs: () => number

  /** @param nowMs A clock that never goes back, milliseconds. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** @throws GantryError `resource_exhausted` while too many are outstanding. */
  issue(value: T): string {
    this.#dropExpired()
    if (this.#waiting.size >= MAX_TOKENS) {
      throw new GantryError('resource_exhausted', {
        action: 'issue streaming URL',
        reason: `${MAX_TOKENS} are waiting to be opened, try again in a minute`,
      })
    }
    const token = randomBytes(TOKEN_BYTES).toString('base64url')
    this.#waiting.set(token, { value, expiresMs: this.#nowMs() + TOKEN_LIFE_MS })
    return token
  }

  /** What a token stands for, once; undefined where it is unknown, used or too old. */
  redeem(token: string): T | undefined {
    this.#dropExpired()
    const found = this.#waiting.get(token)
    this.#waiting.delete(token)
    return found?.value
  }

  /** They all live equally long, so the oldest are the first of the map. */
  #dropExpired(): void {
    const now = this.#nowMs()
    for (const [token, { expiresMs }] of this.#waiting) {
      if (expiresMs > now) return
      this.#waiting.delete(token)
    }
  }
}
