// SPDX-License-Identifier: Apache-2.0
import { GantryError, hasCode } from '../../../runtime-core/errors.ts'

/** A counting gate, first come, first served: a wide request is not overtaken by narrow ones. */
class Gate {
  #free: number
  readonly #waiting: { readonly width: number; readonly enter: () => void }[] = []

  constructor(width: number) {
    this.#free = width
  }

  get idleWidth(): number {
    return this.#waiting.length === 0 ? this.#free : 0
  }

  /** Resolves when `width` places are taken; whoever awaits it must `leave` with the same width. */
  async enter(width: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#waiting.length === 0 && this.#free >= width) {
      this.#free -= width
      return
    }
    await new Promise<void>((resolve, reject) => {
      const place = {
        width,
        enter: () => {
          signal.removeEventListener('abort', giveUp)
          resolve()
        },
      }
      const giveUp = () => {
        const at = this.#waiting.indexOf(place)
        if (at < 0) return
        this.#waiting.splice(at, 1)
        this.#admit()
        reject(signal.reason)
      }
      this.#waiting.push(place)
      signal.addEventListener('abort', giveUp, { once: true })
    })
  }

  leave(width: number): void {
    this.#free += width
    this.#admit()
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined && next.width <= this.#free; next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#free -= next.width
      next.enter()
    }
  }
}

/**
 * Orders network operations: one at a time for a key, at most `width` at once over all keys, and exclusive ones alone
 * (CNI spec: no parallel operations for one container; GC never beside ADD or DEL).
 */
export class Lanes {
  readonly #width: number
  readonly #all: Gate
  readonly #keys = new Map<string, Gate>()

  constructor(width: number) {
    this.#width = width
    this.#all = new Gate(width)
  }

  /** Runs `work` in the lane of `key`. Throws cancelled or deadline_exceeded when `signal` fires while it waits. */
  async run<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const lane = this.#keys.get(key) ?? new Gate(1)
    this.#keys.set(key, lane)
    try {
      return await inside(lane, 1, signal, key, () => inside(this.#all, 1, signal, key, work))
    } finally {
      if (lane.idleWidth === 1) this.#keys.delete(key)
    }
  }

  /** Runs `work` when nothing else runs, and holds back all that comes meanwhile. */
  async exclusive<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return await inside(this.#all, this.#width, signal, 'all pods', work)
  }

  /** How many keys have something running or waiting. */
  get busyKeys(): number {
    return this.#keys.size
  }
}

async function inside<T>(
  gate: Gate,
  width: number,
  signal: AbortSignal,
  key: string,
  work: () => Promise<T>,
): Promise<T> {
  await gate.enter(width, signal).catch((cause) => {
    const timedOut = hasCode(cause, 'deadline_exceeded') || (cause instanceof Error && cause.name === 'TimeoutError')
    throw new GantryError(timedOut ? 'deadline_exceeded' : 'cancelled', {
      action: 'wait for pod network',
      subject: key,
      reason: 'other network operations are under way',
      stage: 'cni_wait',
      cause,
    })
  })
  try {
    return await work()
  } finally {
    gate.leave(width)
  }
}
