// SPDX-License-Identifier: Apache-2.0

/** Longest time of a timer. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** Whether work is done within a time; it goes on where it is not. Rejects as the work does. */
export async function doneWithin(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), Math.min(timeoutMs, MAX_TIMER_MS))
  })
  try {
    return await Promise.race([work.then(() => true), expired])
  } finally {
    clearTimeout(timer)
  }
}
