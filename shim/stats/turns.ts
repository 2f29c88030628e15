// SPDX-License-Identifier: Apache-2.0
import { setImmediate } from 'node:timers/promises'

/** Work on the main thread after which the event loop gets its turn. */
const SLICE_MS = 4

/** Long work in slices: between two of its steps it asks whether others are waiting long enough. */
export class Turns {
  #sliceEnd = performance.now() + SLICE_MS

  /** True when it is time to `yield()`: asked thousands of times, so it makes no promise. */
  get due(): boolean {
    return performance.now() >= this.#sliceEnd
  }

  /** Lets the event loop do what has come up meanwhile. */
  async yield(): Promise<void> {
    await setImmediate()
    this.#sliceEnd = performance.now() + SLICE_MS
  }
}
