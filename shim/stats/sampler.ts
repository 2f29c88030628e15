// SPDX-License-Identifier: Apache-2.0
import type { CgroupHost } from '../../runtime-core/cgroup/detect.ts'
import { type CgroupStats, readAllCgroupStats } from '../../runtime-core/cgroup/stats.ts'
import { type CpuPoint, CpuRate } from './cpu-rate.ts'

/** A cgroup to read. */
export interface Target {
  readonly path: string
  /** When its first process started, nanoseconds since 1970: it had used nothing then. 0n: not known. */
  readonly startedAtNs: bigint
}

/** The figures of a cgroup at one moment. */
export interface Sample {
  /** Nanoseconds since 1970. */
  readonly timestampNs: bigint
  readonly stats: CgroupStats
  /** Nanoseconds of CPU in a second, over the last seconds; undefined where nothing is known of before. */
  readonly nanoCores: bigint | undefined
}

export interface SamplerOptions {
  readonly host: CgroupHost
  /** Nanoseconds since 1970. */
  readonly now: () => bigint
  readonly onError: (path: string, error: unknown) => void
}

/** A sample as young as this is given again: callers that come together share one. */
const FRESH_NS = 500_000_000n
/** How often what is asked for is read in the background, and how long after the last question that goes on. */
const TICK_MS = 10_000
const INTEREST_NS = 60_000_000_000n

interface History {
  readonly target: Target
  readonly rate: CpuRate
  last: Sample | undefined
  /** When somebody wanted to know of it, nanoseconds since 1970. */
  askedNs: bigint
}

/**
 * Reads cgroups when asked, all stale ones of a question in one round, and every ten seconds while somebody asks for them,
 * so that there is something to compare with. With nobody asking it costs nothing and remembers nothing.
 */
export class CgroupSampler {
  readonly #options: SamplerOptions
  readonly #histories = new Map<string, History>()
  #round: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: SamplerOptions) {
    this.#options = options
  }

  /** Samples of these cgroups, at most half a second old; cgroups that are gone are left out. */
  async read(targets: readonly Target[]): Promise<Map<string, Sample>> {
    const askedNs = this.#options.now()
    this.#timer ??= setTimeout(() => this.#tick(), TICK_MS).unref()
    const stale = () => targets.filter(({ path }) => !this.#isFresh(path, askedNs - FRESH_NS))
    // One round at a time: what another question is having read just now need not be read again.
    while (this.#round !== undefined && stale().length > 0) await this.#round
    const missing = stale()
    if (missing.length > 0) {
      this.#round = this.#sample(missing).finally(() => {
        this.#round = undefined
      })
      await this.#round
    }
    return this.#collect(targets, askedNs)
  }

  /** Ends what goes on in the background. */
  close(): void {
    clearTimeout(this.#timer)
    this.#histories.clear()
  }

  #isFresh(path: string, sinceNs: bigint): boolean {
    const last = this.#histories.get(path)?.last
    return last !== undefined && last.timestampNs >= sinceNs
  }

  #collect(targets: readonly Target[], askedNs: bigint): Map<string, Sample> {
    const found = new Map<string, Sample>()
    for (const { path } of targets) {
      const history = this.#histories.get(path)
      if (history?.last === undefined || !this.#isFresh(path, askedNs - FRESH_NS)) continue
      history.askedNs = askedNs
      found.set(path, history.last)
    }
    return found
  }

  async #sample(targets: readonly Target[]): Promise<void> {
    const { now } = this.#options
    const times = new Map<string, bigint>()
    // The time of each reading is taken as its turn comes: a round of hundreds takes a moment.
    function* timed(): Generator<string> {
      for (const { path } of targets) {
        times.set(path, now())
        yield path
      }
    }
    const found = await this.#readAll(timed(), targets)
    for (const target of targets) {
      const stats = found.get(target.path)
      if (stats === undefined) this.#histories.delete(target.path)
      else this.#record(target, times.get(target.path) ?? now(), stats)
    }
  }

  /** One cgroup that cannot be read must not take the figures of all others along. */
  async #readAll(paths: Iterable<string>, targets: readonly Target[]): Promise<Map<string, CgroupStats>> {
    const { host, onError } = this.#options
    try {
      return await readAllCgroupStats(host, paths)
    } catch {
      const found = new Map<string, CgroupStats>()
      for (const { path } of targets) {
        try {
          for (const [key, stats] of await readAllCgroupStats(host, [path])) found.set(key, stats)
        } catch (error) {
          onError(path, error)
        }
      }
      return found
    }
  }

  #record(target: Target, timestampNs: bigint, stats: CgroupStats): void {
    const history = this.#histories.get(target.path) ?? {
      target,
      rate: new CpuRate(bornAt(target.startedAtNs, timestampNs)),
      last: undefined,
      askedNs: timestampNs,
    }
    const nanoCores = stats.cpu && history.rate.add({ timestampNs, usageNs: stats.cpu.usageNs })
    history.last = { timestampNs, stats, nanoCores }
    this.#histories.set(target.path, history)
  }

  async #tick(): Promise<void> {
    this.#timer = undefined
    const { now, onError } = this.#options
    const since = now() - INTEREST_NS
    for (const [path, { askedNs }] of this.#histories) if (askedNs < since) this.#histories.delete(path)
    if (this.#histories.size === 0) return
    this.#timer = setTimeout(() => this.#tick(), TICK_MS).unref()
    await this.#round
    const targets = [...this.#histories.values()].map(({ target }) => target)
    await this.#sample(targets).catch((error: unknown) => onError('', error))
  }
}

/** A cgroup that is younger than a minute is compared with its beginning, when it had used nothing. */
function bornAt(startedAtNs: bigint, nowNs: bigint): CpuPoint | undefined {
  const age = nowNs - startedAtNs
  return startedAtNs > 0n && age > 0n && age < INTEREST_NS ? { timestampNs: startedAtNs, usageNs: 0n } : undefined
}
