// SPDX-License-Identifier: Apache-2.0
import { hasCode } from '../../runtime-core/errors.ts'

/** One queue an object: operations on it run one after the other, those on different objects at once. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<unknown>>()

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve()
    // The queue goes on whatever became of the one before; its caller has its error.
    const mine = before.then(work, work)
    this.#tails.set(key, mine)
    try {
      return await mine
    } finally {
      if (this.#tails.get(key) === mine) this.#tails.delete(key)
    }
  }
}

/** A repeated call while the first is under way waits for it and shares its result. */
export class Inflight<T> {
  readonly #calls = new Map<string, Promise<T>>()

  async join(key: string, start: () => Promise<T>): Promise<T> {
    for (let running = this.#calls.get(key); running !== undefined; running = this.#calls.get(key)) {
      try {
        return await running
      } catch (error) {
        // Whoever began it lost patience, and it was undone; this caller still waits, so it is its turn.
        if (!hasCode(error, 'cancelled', 'deadline_exceeded')) throw error
      }
    }
    const call = start()
    this.#calls.set(key, call)
    try {
      return await call
    } finally {
      this.#calls.delete(key)
    }
  }
}
