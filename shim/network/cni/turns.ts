// SPDX-License-Identifier: Apache-2.0

/**
 * Spreads steps over the turns of the event loop, one each, in order. Starting a process blocks the loop for 1 to 5 ms
 * (fork copies Node's page tables): sixteen plugins started in one turn would hold up every other call for that long.
 */
export class Turns {
  #last: Promise<void> = Promise.resolve()

  /** Resolves in a turn that no other caller has. */
  next(): Promise<void> {
    const mine = this.#last
    this.#last = mine.then(() => new Promise((resolve) => setImmediate(resolve)))
    return mine
  }
}
