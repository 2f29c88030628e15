// SPDX-License-Identifier: Apache-2.0
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { MetricsRegistry } from './registry.ts'

/**
 * A fact as it comes off a channel: nothing about it is known but what these readers have checked. The names of channels
 * and fields are all that metrics knows of the daemon.
 */
export class Fact {
  readonly #payload: object

  constructor(payload: unknown) {
    if (typeof payload !== 'object' || payload === null) throw new TypeError('read fact: not an object')
    this.#payload = payload
  }

  /** A field that must be a string. */
  text(field: string): string {
    const value: unknown = Reflect.get(this.#payload, field)
    if (typeof value !== 'string') throw new TypeError(`read fact "${field}": not a string`)
    return value
  }

  /** A field that may be absent. */
  optionalText(field: string): string | undefined {
    return Reflect.get(this.#payload, field) === undefined ? undefined : this.text(field)
  }

  /** A field that must be a finite number not below zero: a duration, a size. */
  amount(field: string): number {
    const value: unknown = Reflect.get(this.#payload, field)
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
      throw new TypeError(`read fact "${field}": not an amount`)
    }
    return value
  }

  /** A field that must be true or false. */
  flag(field: string): boolean {
    const value: unknown = Reflect.get(this.#payload, field)
    if (typeof value !== 'boolean') throw new TypeError(`read fact "${field}": not a boolean`)
    return value
  }
}

/** What a collector does with the facts it knows: channel's name without its prefix → counting. */
export type FactCounters = Readonly<Record<string, (fact: Fact) => void>>

/**
 * Listens on `gantry:NAME` for each entry. A payload that does not fit is counted as rejected: a subscriber that throws
 * would end the daemon. Returns the function that ends it.
 */
export function countFacts(registry: MetricsRegistry, collector: string, counters: FactCounters): () => void {
  const rejected = registry.counter('gantry_metrics_rejected_facts_total')
  const listeners = Object.entries(counters).map(([name, count]) => {
    const listener = (message: unknown): void => {
      try {
        count(new Fact(message))
      } catch {
        rejected.inc({ collector })
      }
    }
    subscribe(`gantry:${name}`, listener)
    return () => unsubscribe(`gantry:${name}`, listener)
  })
  return () => {
    for (const end of listeners) end()
  }
}
