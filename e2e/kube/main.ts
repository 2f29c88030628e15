// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util'
import { messageOf } from '../../runtime-core/errors.ts'
import { describeLeaks, leaksBetween, snapshotHost } from '../harness/leaks.ts'
import { Cluster } from './cluster.ts'
import { formatTable, runScenarios, type ScenarioResult } from './run-scenarios.ts'
import { SCENARIOS } from './scenarios/index.ts'

const USAGE = `usage: node e2e/kube/main.ts [--only NAME]… [--list] [--keep-logs DIRECTORY]

Runs scenarios on a real Kubernetes control plane and kubelet whose runtime is Gantry; with GANTRY_E2E_PEER=containerd
it is containerd. Each prints one line with its duration; the exit code is 0 only where all passed and nothing stayed.
`

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      list: { type: 'boolean' },
      help: { type: 'boolean' },
      'keep-logs': { type: 'string' },
    },
  })
  if (values.help === true || values.list === true) {
    const list = SCENARIOS.map(({ name, about }) => `${name.padEnd(22)} ${about}\n`).join('')
    process.stdout.write(values.list === true ? list : USAGE)
    return
  }
  const unknown = (values.only ?? []).filter((wanted) => !SCENARIOS.some(({ name }) => name === wanted))
  if (unknown.length > 0) throw new Error(`no scenario is named ${unknown.join(', ')}: see --list`)
  const chosen = SCENARIOS.filter(({ name }) => values.only?.includes(name) ?? true)
  const before = await snapshotHost()
  const results = await runOnCluster(chosen, values['keep-logs'])
  const leaks = leaksBetween(before, await snapshotHost())
  process.stdout.write(`\n${formatTable(results)}\n`)
  if (leaks.length > 0) process.stdout.write(`${describeLeaks(leaks)}\n`)
  const failed = results.filter(({ failure }) => failure !== undefined).length + (leaks.length > 0 ? 1 : 0)
  process.stdout.write(`${results.length - failed} passed, ${failed} failed\n`)
  process.exitCode = failed === 0 ? 0 : 1
}

async function runOnCluster(chosen: typeof SCENARIOS, logs: string | undefined): Promise<ScenarioResult[]> {
  const from = performance.now()
  const report = (line: string): void => {
    process.stdout.write(`${((performance.now() - from) / 1000).toFixed(1).padStart(6)} s  ${line}\n`)
  }
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort())
  const scraped = chosen.some(({ name }) => name === 'prometheus')
  const cluster = await Cluster.start({ report, scraped, ...(logs === undefined ? {} : { logs }) })
  try {
    return await runScenarios(cluster, chosen, { report, signal: interrupted.signal })
  } finally {
    await cluster[Symbol.asyncDispose]()
    report('everything is taken away')
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`e2e/kube: ${messageOf(error)}\n`)
  process.exitCode = 1
})
