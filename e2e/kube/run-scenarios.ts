// SPDX-License-Identifier: Apache-2.0
import { messageOf } from '../../runtime-core/errors.ts'
import type { Cluster } from './cluster.ts'
import type { Scenario } from './scenario.ts'
import { Workspace } from './workspace.ts'

/** How one scenario went. */
export interface ScenarioResult {
  readonly scenario: Scenario
  readonly seconds: number
  readonly detail?: string | undefined
  readonly failure?: string
}

interface RunOptions {
  readonly report: (line: string) => void
  /** No further scenario is begun once it is aborted. */
  readonly signal: AbortSignal
}

/** Most of a scenario is waiting: so many run beside each other, each in a namespace of its own. */
const SIDE_BY_SIDE = 4
const SCENARIO_TIMEOUT_MS = 180_000

/** Runs scenarios: first, some at a time, those that bear company, then those that need the node for themselves. */
export async function runScenarios(
  cluster: Cluster,
  scenarios: readonly Scenario[],
  options: RunOptions,
): Promise<ScenarioResult[]> {
  const results: ScenarioResult[] = []
  const work = async (queue: Scenario[]): Promise<void> => {
    for (let next = queue.shift(); next !== undefined && !options.signal.aborted; next = queue.shift()) {
      const result = await runScenario(cluster, next)
      results.push(result)
      options.report(formatLine(result))
    }
  }
  const social = scenarios.filter(({ alone }) => alone !== true)
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, () => work(social)))
  await work(scenarios.filter(({ alone }) => alone === true))
  return scenarios.flatMap((scenario) => results.filter((result) => result.scenario === scenario))
}

/** A table in Markdown, in the order of the scenarios. */
export function formatTable(results: readonly ScenarioResult[]): string {
  const rows = results.map(({ scenario, seconds, detail, failure }) => {
    const outcome = failure === undefined ? 'passed' : '**failed**'
    return `| \`${scenario.name}\` | ${scenario.about} | ${outcome} | ${seconds.toFixed(1)} | ${detail ?? ''} |`
  })
  return ['| scenario | what it shows | | seconds | |', '| --- | --- | --- | ---: | --- |', ...rows].join('\n')
}

async function runScenario(cluster: Cluster, scenario: Scenario): Promise<ScenarioResult> {
  const from = performance.now()
  const seconds = (): number => (performance.now() - from) / 1000
  try {
    const detail = await withDeadline(scenario.name, inNamespace(cluster, scenario))
    return { scenario, seconds: seconds(), detail }
  } catch (error) {
    return { scenario, seconds: seconds(), failure: messageOf(error) }
  }
}

async function inNamespace(cluster: Cluster, scenario: Scenario): Promise<string | undefined> {
  await using workspace = await Workspace.create(cluster, `s-${scenario.name}`)
  return await scenario.run(workspace, cluster)
}

async function withDeadline<T>(name: string, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`${name} took over ${SCENARIO_TIMEOUT_MS} ms`)), SCENARIO_TIMEOUT_MS)
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
  }
}

function formatLine({ scenario, seconds, detail, failure }: ScenarioResult): string {
  const outcome = failure === undefined ? 'passed' : 'FAILED'
  const rest = failure === undefined ? (detail ?? '') : `\n${failure.replaceAll(/^/gm, '            ')}`
  return `${outcome}  ${scenario.name.padEnd(22)} ${seconds.toFixed(1).padStart(5)} s  ${rest}`.trimEnd()
}
