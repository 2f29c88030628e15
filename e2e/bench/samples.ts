// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../runtime-core/errors.ts'
import type { PeerName } from './options.ts'

/** How a row reads: milliseconds and bytes are better low, a rate is better high. */
export type Unit = 'ms' | 'MB' | '/s' | 's'

/** One peer's figures in one row. Single measurements have only `p50`. */
export interface Figure {
  readonly p50: number
  readonly p95: number | undefined
  readonly samples: number
}

export interface Row {
  readonly name: string
  readonly unit: Unit
  readonly figures: Partial<Record<PeerName, Figure>>
}

/** Collects measurements under the name of what was measured, in the order in which names first appear. */
export class Samples {
  readonly #rows = new Map<string, { unit: Unit; values: Map<PeerName, number[]> }>()

  add(name: string, unit: Unit, peer: PeerName, value: number): void {
    const row = this.#rows.get(name) ?? { unit, values: new Map() }
    this.#rows.set(name, row)
    const values = row.values.get(peer) ?? []
    row.values.set(peer, values)
    values.push(value)
  }

  /**
   * Times `action` in milliseconds and passes on its result.
   *
   * @throws GantryError naming what was measured and the peer, when it fails; that is no sample
   */
  async time<Result>(name: string, peer: PeerName, action: () => Promise<Result>): Promise<Result> {
    const begin = performance.now()
    try {
      const result = await action()
      this.add(name, 'ms', peer, performance.now() - begin)
      return result
    } catch (cause) {
      throw new GantryError('internal', { action: `measure ${name} of`, subject: peer, cause })
    }
  }

  rows(): Row[] {
    return [...this.#rows].map(([name, { unit, values }]) => ({
      name,
      unit,
      figures: Object.fromEntries([...values].map(([peer, list]) => [peer, figureOf(list)])),
    }))
  }
}

/** The value below which `share` (0 to 1) of the values lie, by nearest rank. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const rank = Math.max(1, Math.ceil(share * sorted.length))
  return sorted[rank - 1] ?? Number.NaN
}

function figureOf(values: readonly number[]): Figure {
  const p95 = values.length > 1 ? quantile(values, 0.95) : undefined
  return { p50: quantile(values, 0.5), p95, samples: values.length }
}
