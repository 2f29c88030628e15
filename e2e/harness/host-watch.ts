// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises'
import { describeLeaks, type HostState, leaksBetween, snapshotHost } from './leaks.ts'

/** The kernel takes namespaces and cgroups down in its own time after their last process. */
const SETTLE_TIMEOUT_MS = 5_000
const POLL_MS = 100

/** Tells step by step what was left on the host, so that each thing is told once, of the step that left it. */
export class HostWatch {
  #before: HostState

  private constructor(before: HostState) {
    this.#before = before
  }

  static async begin(): Promise<HostWatch> {
    return new HostWatch(await snapshotHost())
  }

  /** What is there now, still is after a moment, and was not when this was last asked. */
  async leftSince(): Promise<string[]> {
    const deadline = performance.now() + SETTLE_TIMEOUT_MS
    for (;;) {
      const now = await snapshotHost()
      const leaks = leaksBetween(this.#before, now)
      if (leaks.length > 0 && performance.now() < deadline) {
        await delay(POLL_MS)
        continue
      }
      this.#before = now
      return leaks.map((leak) => describeLeaks([leak]).replace(/^left behind: /, ''))
    }
  }
}
