// SPDX-License-Identifier: Apache-2.0
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import type { MetricsRegistry } from './registry.ts'

/** How often the loop is looked at. 50 wake-ups a second; 10 ms would cost twice that for nothing we act on. */
const RESOLUTION_MS = 20
/** How long a peak stays visible at least, whoever scrapes in between. */
const WINDOW_MS = 60_000
const NANOSECONDS = 1e9

type IntervalHistogram = ReturnType<typeof monitorEventLoopDelay>

const STATISTICS = {
  p50: (histogram: IntervalHistogram) => histogram.percentile(50),
  p90: (histogram: IntervalHistogram) => histogram.percentile(90),
  p99: (histogram: IntervalHistogram) => histogram.percentile(99),
  max: (histogram: IntervalHistogram) => histogram.max,
}

type Statistic = keyof typeof STATISTICS
type Delays = Record<Statistic, number>

/**
 * The event loop's delay and activity. Windows turn at scrapes, and the larger of this window and the one before is
 * shown, so that a second scraper does not take a peak from the first. Returns the function that ends it.
 *
 * @param now monotonic time in milliseconds
 */
export function collectEventLoop(registry: MetricsRegistry, now: () => number): () => void {
  const delay = registry.gauge('gantry_event_loop_delay_seconds')
  const active = registry.counter('gantry_event_loop_active_seconds_total')
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  let windowBegan = now()
  let before: Delays = { p50: 0, p90: 0, p99: 0, max: 0 }
  let activeMs = 0

  registry.onScrape('event_loop', () => {
    const current = delaysOf(histogram)
    for (const name of namesOf(current)) delay.set({ statistic: name }, Math.max(before[name], current[name]))
    if (now() - windowBegan >= WINDOW_MS) {
      before = current
      histogram.reset()
      windowBegan = now()
    }
    const total = performance.eventLoopUtilization().active
    active.inc(Math.max(0, total - activeMs) / 1000)
    activeMs = total
  })
  return () => {
    histogram.disable()
  }
}

/** Node records the time between two timers: the delay is what exceeds the interval asked for. In seconds. */
function delaysOf(histogram: IntervalHistogram): Delays {
  const seconds = (statistic: Statistic): number =>
    histogram.count === 0 ? 0 : Math.max(0, STATISTICS[statistic](histogram) / NANOSECONDS - RESOLUTION_MS / 1000)
  return { p50: seconds('p50'), p90: seconds('p90'), p99: seconds('p99'), max: seconds('max') }
}

function namesOf(delays: Delays): Statistic[] {
  return Object.keys(delays) as Statistic[]
}
