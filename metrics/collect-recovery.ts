// SPDX-License-Identifier: Apache-2.0
import { closedSet } from './bounded-label.ts'
import { countFacts } from './facts.ts'
import type { MetricsRegistry } from './registry.ts'

const LEAK_KINDS = ['mount', 'netns', 'link', 'cgroup', 'process', 'directory', 'layer', 'address']

/** What a crash had left: leaks, and operations rolled back. Returns the function that ends it. */
export function collectRecovery(registry: MetricsRegistry): () => void {
  const leaks = registry.counter('gantry_leaks_found_total')
  const rolledBack = registry.counter('gantry_intents_rolled_back_total')
  const kinds = closedSet(LEAK_KINDS)
  const outcomes = closedSet(['ok', 'error', 'timeout', 'cancelled'])

  return countFacts(registry, 'recovery', {
    LeakFound: (fact) => leaks.inc({ kind: kinds(fact.text('kind')), removed: String(fact.flag('removed')) }),
    IntentRolledBack: (fact) => rolledBack.inc({ outcome: outcomes(fact.text('outcome')) }),
  })
}
