// SPDX-License-Identifier: Apache-2.0

/** CPU time used until a moment. */
export interface CpuPoint {
  /** Nanoseconds since 1970. */
  readonly timestampNs: bigint
  /** Nanoseconds over all processors. */
  readonly usageNs: bigint
}

/** Two readings closer than this tell nothing: the clock is in milliseconds. */
const SHORTEST_NS = 100_000_000n
/** What is compared with is the youngest reading of at least this age. */
const WINDOW_NS = 5_000_000_000n
const MOST_POINTS = 32
const SECOND_NS = 1_000_000_000n

/** How fast CPU time is used, from readings that come when they come: over five seconds and a bit, where they are that dense. */
export class CpuRate {
  #points: CpuPoint[]
  #rate: bigint | undefined

  constructor(beginning: CpuPoint | undefined) {
    this.#points = beginning === undefined ? [] : [beginning]
  }

  /** Nanoseconds of CPU in a second as of this reading; undefined until there are two. */
  add(point: CpuPoint): bigint | undefined {
    const last = this.#points.at(-1)
    // The counter or the clock was set back: a new cgroup under an old name, a correction of the time.
    if (last !== undefined && (point.usageNs < last.usageNs || point.timestampNs < last.timestampNs)) {
      this.#points = []
      this.#rate = undefined
    }
    const isOld = ({ timestampNs }: CpuPoint) => point.timestampNs - timestampNs >= WINDOW_NS
    const from = Math.max(0, this.#points.findLastIndex(isOld), this.#points.length - MOST_POINTS)
    this.#points = this.#points.slice(from)
    const [reference] = this.#points
    this.#points.push(point)
    if (reference === undefined || point.timestampNs - reference.timestampNs < SHORTEST_NS) return this.#rate
    this.#rate = ((point.usageNs - reference.usageNs) * SECOND_NS) / (point.timestampNs - reference.timestampNs)
    return this.#rate
  }
}
