// SPDX-License-Identifier: Apache-2.0
import { closedSet } from './bounded-label.ts'
import { countFacts } from './facts.ts'
import type { MetricsRegistry } from './registry.ts'

const OUTCOMES = ['ok', 'error', 'timeout', 'cancelled']
const REASONS = [
  'none',
  'not_found',
  'unauthorized',
  'timeout',
  'network',
  'registry',
  'digest_mismatch',
  'invalid',
  'unpack',
  'no_space',
  'cancelled',
  'internal',
]

/** Pulls, layers and removals of images. Returns the function that ends it. */
export function collectImages(registry: MetricsRegistry): () => void {
  const pulls = registry.counter('gantry_image_pulls_total')
  // A series that is there from the start lets a rate see the first failure.
  pulls.inc({ outcome: 'ok', reason: 'none' }, 0)
  const inProgress = registry.gauge('gantry_image_pulls_in_progress')
  const pullDurations = registry.histogram('gantry_image_pull_duration_seconds')
  const pullBytes = registry.counter('gantry_image_pull_bytes_total')
  const unpackDurations = registry.histogram('gantry_layer_unpack_duration_seconds')
  const unpackedBytes = registry.counter('gantry_layer_unpacked_bytes_total')
  const removed = registry.counter('gantry_images_removed_total')
  const freedBytes = registry.counter('gantry_image_freed_bytes_total')
  const outcomes = closedSet(OUTCOMES)
  const reasons = closedSet(REASONS)

  return countFacts(registry, 'images', {
    ImagePullStarted: () => inProgress.inc(),
    ImagePullFinished: (fact) => {
      inProgress.dec()
      const outcome = outcomes(fact.text('outcome'))
      pulls.inc({ outcome, reason: reasons(fact.optionalText('reason') ?? 'none') })
      pullDurations.observe({ outcome }, fact.amount('durationMs') / 1000)
      pullBytes.inc(fact.amount('bytes'))
    },
    LayerUnpacked: (fact) => {
      unpackDurations.observe(fact.amount('durationMs') / 1000)
      unpackedBytes.inc(fact.amount('unpackedBytes'))
    },
    ImageRemoved: (fact) => {
      removed.inc()
      freedBytes.inc(fact.amount('freedBytes'))
    },
  })
}
