// SPDX-License-Identifier: Apache-2.0

/** A histogram of the text format: how many, their sum, and the cumulated counts by upper bound. */
interface Histogram {
  count: number
  sum: number
  readonly buckets: Map<number, number>
}

/** Histograms of one family by the value of one label. */
export type Histograms = ReadonlyMap<string, Readonly<Histogram>>

/** What lies between two readings of a histogram, in milliseconds. */
export interface Latency {
  readonly count: number
  readonly meanMs: number
  /** The bound of the bucket that the 95th percentile falls into, from which a kubelet tells no better. */
  readonly p95BelowMs: number
}

/** Reads the histograms of `family` by the values of `label` from a text of /metrics. */
export function readHistograms(text: string, family: string, label: string): Histograms {
  const found = new Map<string, Histogram>()
  const line = new RegExp(`^${family}_(bucket|sum|count)\\{(.*)\\} (\\S+)$`, 'gm')
  for (const [, part, labels = '', value] of text.matchAll(line)) {
    const key = labelOf(labels, label)
    if (key === undefined) continue
    const histogram = found.get(key) ?? { count: 0, sum: 0, buckets: new Map() }
    found.set(key, histogram)
    if (part === 'count') histogram.count = Number(value)
    else if (part === 'sum') histogram.sum = Number(value)
    else histogram.buckets.set(Number((labelOf(labels, 'le') ?? '').replace('+Inf', 'Infinity')), Number(value))
  }
  return found
}

/** What happened between two readings; undefined where nothing did. */
export function latencyBetween(before: Histograms, after: Histograms, key: string): Latency | undefined {
  const [from, to] = [before.get(key), after.get(key)]
  const count = (to?.count ?? 0) - (from?.count ?? 0)
  if (to === undefined || count <= 0) return undefined
  const within = (bound: number): number => (to.buckets.get(bound) ?? 0) - (from?.buckets.get(bound) ?? 0)
  const bounds = [...to.buckets.keys()].sort((a, b) => a - b)
  const bound = bounds.find((upper) => within(upper) >= count * 0.95) ?? Number.POSITIVE_INFINITY
  return { count, meanMs: ((to.sum - (from?.sum ?? 0)) / count) * 1000, p95BelowMs: bound * 1000 }
}

function labelOf(labels: string, name: string): string | undefined {
  return new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1]
}
