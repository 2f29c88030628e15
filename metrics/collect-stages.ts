// SPDX-License-Identifier: Apache-2.0
import { closedSet, firstValues, OTHER } from './bounded-label.ts'
import { countFacts } from './facts.ts'
import type { MetricsRegistry } from './registry.ts'

/** Pairs of operation and stage: about ten operations of about ten stages each. */
const STAGE_LIMIT = 120

/** Times of the stages of operations. Returns the function that ends it. */
export function collectStages(registry: MetricsRegistry): () => void {
  const durations = registry.histogram('gantry_stage_duration_seconds')
  // The pair is what is capped: caps on each alone would multiply.
  const pair = firstValues(STAGE_LIMIT, /^[a-z][a-z0-9_]{0,39}\/[a-z][a-z0-9_]{0,39}$/)
  const outcomes = closedSet(['ok', 'error', 'timeout', 'cancelled'])

  return countFacts(registry, 'stages', {
    StageFinished: (fact) => {
      const [operation = OTHER, stage = OTHER] = pair(`${fact.text('operation')}/${fact.text('stage')}`).split('/')
      const outcome = outcomes(fact.text('outcome'))
      durations.observe({ operation, stage, outcome }, fact.amount('durationMs') / 1000)
    },
  })
}
