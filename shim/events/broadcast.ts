// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../runtime-core/errors.ts'

export interface BroadcastLimits {
  /** What may wait for one subscriber before it is cut off. */
  readonly messages: number
  readonly bytes: number
  readonly subscribers: number
}

/** A pod's events are a few kilobytes; a kubelet that reads at all never has more than a handful waiting. */
export const EVENT_LIMITS: BroadcastLimits = { messages: 4096, bytes: 8 << 20, subscribers: 64 }

interface Sized {
  readonly bytes: Uint8Array
}

interface Subscriber<T> {
  queue: T[]
  queuedBytes: number
  /** Why nothing more comes: its own slowness, or the end of all. */
  end: GantryError | 'closed' | undefined
  wake: () => void
}

/**
 * Gives each message to every subscriber, in order and without a gap from the moment it subscribed. Nobody waits for a
 * slow one: past its limit it is cut off and told so, and nothing is kept for it.
 */
export class Broadcast<T extends Sized> {
  readonly #limits: BroadcastLimits
  readonly #subscribers = new Set<Subscriber<T>>()
  #closed = false

  constructor(limits: BroadcastLimits) {
    this.#limits = limits
  }

  /** True when somebody listens: ask before a message that is dear to make. */
  get isHeard(): boolean {
    return this.#subscribers.size > 0
  }

  publish(message: T): void {
    for (const subscriber of this.#subscribers) {
      subscriber.queue.push(message)
      subscriber.queuedBytes += message.bytes.length
      const { messages, bytes } = this.#limits
      if (subscriber.queue.length > messages || subscriber.queuedBytes > bytes) this.#cutOff(subscriber)
      subscriber.wake()
    }
  }

  /**
   * Messages from the first `next()` on, until the signal or `close`.
   *
   * @throws GantryError `resource_exhausted` for one who reads too slowly, and where there are too many; `cancelled`.
   */
  async *subscribe(signal: AbortSignal): AsyncGenerator<T> {
    signal.throwIfAborted()
    if (this.#closed) return
    if (this.#subscribers.size >= this.#limits.subscribers) throw tooMany(this.#limits.subscribers)
    const subscriber: Subscriber<T> = { queue: [], queuedBytes: 0, end: undefined, wake: () => undefined }
    const onAbort = (): void => subscriber.wake()
    this.#subscribers.add(subscriber)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      while (true) {
        const woken = new Promise<void>((resolve) => {
          subscriber.wake = resolve
        })
        signal.throwIfAborted()
        if (subscriber.end instanceof GantryError) throw subscriber.end
        const message = subscriber.queue.shift()
        if (message !== undefined) {
          subscriber.queuedBytes -= message.bytes.length
          yield message
        } else if (subscriber.end === 'closed') return
        else await woken
      }
    } finally {
      this.#subscribers.delete(subscriber)
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Ends every subscription, after what waits for it. */
  close(): void {
    this.#closed = true
    for (const subscriber of this.#subscribers) {
      subscriber.end ??= 'closed'
      subscriber.wake()
    }
  }

  #cutOff(subscriber: Subscriber<T>): void {
    const { length } = subscriber.queue
    subscriber.end = new GantryError('resource_exhausted', {
      action: 'send events',
      reason: `${length} events of ${subscriber.queuedBytes} bytes waited to be read`,
      hint: 'list what there is, and subscribe again',
    })
    subscriber.queue = []
    this.#subscribers.delete(subscriber)
  }
}

function tooMany(limit: number): GantryError {
  return new GantryError('resource_exhausted', {
    action: 'subscribe to events',
    reason: `${limit} others are subscribed`,
  })
}
