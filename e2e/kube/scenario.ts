// SPDX-License-Identifier: Apache-2.0
import type { Cluster } from './cluster.ts'
import type { Workspace } from './workspace.ts'

/** One thing that a real cluster asks of its runtime, by a name that can be said on the command line. */
export interface Scenario {
  readonly name: string
  /** One sentence, for the table of scenarios. */
  readonly about: string
  /** True where it stops, kills or fills something that the others need: it runs alone. */
  readonly alone?: boolean
  /** @returns what is worth to be known of a run that passed, such as a time. */
  run(workspace: Workspace, cluster: Cluster): Promise<string | undefined>
}

/** Fails a scenario, with what was expected and what was there. */
export function expect(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`expected ${what}`)
}

/** Fails a scenario unless both are the same text. */
export function expectEqual(actual: unknown, wanted: unknown, what: string): void {
  const [have, want] = [JSON.stringify(actual), JSON.stringify(wanted)]
  if (have !== want) throw new Error(`expected ${what} to be ${want}, not ${have}`)
}

/** Runs `work`; returns how long it took as text. */
export async function timed(work: () => Promise<unknown>): Promise<string> {
  const from = performance.now()
  await work()
  return `${((performance.now() - from) / 1000).toFixed(1)} s`
}

/** A container of the suite's busybox that runs a script. */
export function shell(name: string, script: string, more: Readonly<Record<string, unknown>> = {}): object {
  return { name, image: BUSYBOX, command: ['/bin/sh', '-c', script], ...more }
}

/** The suite's busybox: a static one with all applets. */
export const BUSYBOX = 'registry.local/busybox:1'

/** A script that does nothing until it is asked to end, and then ends at once. */
export const IDLE = 'trap "exit 0" TERM; while :; do sleep 3600 & wait $!; done'
