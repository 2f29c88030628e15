// SPDX-License-Identifier: Apache-2.0
import { closedSet } from './bounded-label.ts'
import { countFacts, type Fact } from './facts.ts'
import type { MetricsRegistry } from './registry.ts'

/** How many there are of each, by state. States not named count zero. */
export interface Population {
  readonly sandboxes: Partial<Record<(typeof SANDBOX_STATES)[number], number>>
  readonly containers: Partial<Record<(typeof CONTAINER_STATES)[number], number>>
  /** Keepers the daemon is connected to. */
  readonly keepers: number
}

const SANDBOX_STATES = ['ready', 'notready'] as const
const CONTAINER_STATES = ['created', 'running', 'exited', 'unknown'] as const
const CONDITIONS = ['RuntimeReady', 'NetworkReady']

/**
 * Sandboxes and containers by state and the keepers, read from `population` at each scrape; exits, OOM kills, lost
 * keepers and conditions from facts. Returns the function that ends it.
 */
export function collectPods(registry: MetricsRegistry, population: () => Population): () => void {
  readPopulation(registry, population)
  const exits = registry.counter('gantry_container_exits_total')
  for (const result of ['zero', 'nonzero', 'oom']) exits.inc({ result }, 0)
  const ooms = registry.counter('gantry_oom_kills_total')
  const keepersLost = registry.counter('gantry_keepers_lost_total')
  const conditions = registry.gauge('gantry_condition')
  const condition = closedSet(CONDITIONS)

  return countFacts(registry, 'pods', {
    ContainerStateChanged: (fact) => {
      if (fact.text('to') === 'exited') exits.inc({ result: exitResult(fact) })
    },
    OomKilled: () => ooms.inc(),
    KeeperLost: () => keepersLost.inc(),
    ConditionChanged: (fact) =>
      conditions.set({ condition: condition(fact.text('condition')) }, fact.flag('ready') ? 1 : 0),
  })
}

function readPopulation(registry: MetricsRegistry, population: () => Population): void {
  const sandboxes = registry.gauge('gantry_sandboxes')
  const containers = registry.gauge('gantry_containers')
  const keepers = registry.gauge('gantry_keepers')
  registry.onScrape('pods', () => {
    const now = population()
    for (const state of SANDBOX_STATES) sandboxes.set({ state }, now.sandboxes[state] ?? 0)
    for (const state of CONTAINER_STATES) containers.set({ state }, now.containers[state] ?? 0)
    keepers.set(now.keepers)
  })
}

function exitResult(fact: Fact): string {
  if (fact.optionalText('reason') === 'OOMKilled') return 'oom'
  return fact.amount('exitCode') === 0 ? 'zero' : 'nonzero'
}
