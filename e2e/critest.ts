// SPDX-License-Identifier: Apache-2.0
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { messageOf } from '../runtime-core/errors.ts'
import { type CritestOptions, runCritest } from './critest-run.ts'
import { startContainerd, startContainerdThroughGantry, startGantry, type Target } from './critest-target.ts'
import {
  formatResults,
  hasNewFailures,
  type KnownSpec,
  resultDifferences,
  type SpecResult,
} from './harness/ginkgo-report.ts'
import { describeLeaks, type HostState, leaksBetween, snapshotHost } from './harness/leaks.ts'
import { ensureImages } from './images/build.ts'
import { runCommand } from './images/command.ts'
import { CRITEST_REGISTRIES } from './images/critest-images.ts'
import { writeCertsD } from './registry/certs-d.ts'
import { RegistryServer } from './registry/server.ts'
import { ensureTools } from './tools/ensure.ts'

const HERE = import.meta.dirname
const MOST_PARALLEL = 32
const USAGE = `usage: node e2e/critest.ts [--peer containerd [--through gantry]]
       node e2e/critest.ts --runtime-endpoint unix:///… [--certs-d DIR]

Runs critest against a private gantryd, and prints what passed, failed and was skipped, with causes. It serves the images
from a registry of its own for as long as it runs; --certs-d names the directory in which the runtime looks for
hosts.toml files, which are written there. With --peer a private containerd takes gantryd's place, as the measure; with
--through gantry it is run twice, directly and behind a private gantryd, and every difference is a failure.

  --focus REGEX, --skip REGEX   run fewer specs
  --websocket                   exec, attach and port-forward over WebSocket, not SPDY
  --parallel N                  N specs at a time; those that ginkgo calls serial still run alone
  --all                         three runs: over SPDY, over WebSocket, four specs at a time
  --report-dir DIR              keep critest's log and its JSON report
  --image-endpoint unix:///…    another socket for images
`

// The HostIPC specs make shared memory of this size on the host (`ipcmk -M 1048576`) and never remove it.
async function removeSegmentsOfCritest(before: HostState): Promise<void> {
  for (const { kind, what } of leaksBetween(before, await snapshotHost())) {
    const id = kind === 'ipc' ? /^shm (\d+) \(1048576 bytes\)$/.exec(what)?.[1] : undefined
    if (id !== undefined) await runCommand('ipcrm', ['-m', id])
  }
}

type Selection = Pick<CritestOptions, 'focus' | 'skip' | 'signal' | 'imageEndpoint' | 'transport' | 'parallel'>

interface RunPlan extends Selection {
  /** Undefined: start one of our own. */
  readonly runtimeEndpoint: string | undefined
  readonly start: typeof startGantry
  readonly certsDirectory: string | undefined
  readonly reportDirectory: string | undefined
  /** Three runs, one after the other, in place of the one that is described. */
  readonly all: boolean
  /** Two runs, of the peer directly and behind gantryd, to be compared. */
  readonly through: boolean
}

/** What a node has to stand: what kubelets speak, what they will speak, and several pods at a time. */
const ALL_RUNS: Readonly<Record<string, Pick<Selection, 'transport' | 'parallel'>>> = {
  'over SPDY': { transport: 'spdy' },
  'over WebSocket': { transport: 'websocket' },
  'four specs at a time': { transport: 'spdy', parallel: 4 },
}

/** Serves the images, runs critest, takes everything down again. */
async function runWithImages(layout: string, plan: RunPlan): Promise<SpecResult[]> {
  const { runtimeEndpoint, certsDirectory, reportDirectory, start, all: _, through: __, ...selection } = plan
  const directory = await mkdtemp(join(tmpdir(), 'gantry-critest-'))
  // Containers in a user namespace must be able to pass through to their root file systems.
  await chmod(directory, 0o711)
  const certs = certsDirectory ?? join(directory, 'certs.d')
  const registry = await RegistryServer.start({ layouts: [layout] })
  let target: Target | undefined
  try {
    await writeCertsD(certs, { registries: CRITEST_REGISTRIES, endpoint: registry.endpoint })
    const given = { runtimeEndpoint: runtimeEndpoint ?? '', stop: async () => undefined }
    target = runtimeEndpoint === undefined ? await start(directory, certs) : given
    return await runCritest({
      ...selection,
      runtimeEndpoint: target.runtimeEndpoint,
      reportDirectory: resolve(reportDirectory ?? join(directory, 'report')),
    })
  } finally {
    await target?.stop()
    await registry.close()
    await rm(directory, { recursive: true, force: true })
  }
}

function parseCommandLine(): RunPlan | 'help' | 'misuse' {
  const { values } = parseArgs({
    options: {
      'runtime-endpoint': { type: 'string' },
      'image-endpoint': { type: 'string' },
      'certs-d': { type: 'string' },
      peer: { type: 'string' },
      through: { type: 'string' },
      focus: { type: 'string' },
      skip: { type: 'string' },
      'report-dir': { type: 'string' },
      websocket: { type: 'boolean' },
      parallel: { type: 'string' },
      all: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) return 'help'
  const runtimeEndpoint = values['runtime-endpoint']
  if (values.peer !== undefined && (values.peer !== 'containerd' || runtimeEndpoint !== undefined)) return 'misuse'
  if (values.through !== undefined && (values.through !== 'gantry' || values.peer === undefined)) return 'misuse'
  const parallel = Number(values.parallel ?? 1)
  if (!Number.isInteger(parallel) || parallel < 1 || parallel > MOST_PARALLEL) return 'misuse'
  return {
    runtimeEndpoint,
    all: values.all === true && values.through === undefined,
    through: values.through !== undefined,
    start: values.peer === 'containerd' ? startContainerd : startGantry,
    certsDirectory: values['certs-d'],
    reportDirectory: values['report-dir'],
    transport: values.websocket === true ? 'websocket' : 'spdy',
    ...(values['image-endpoint'] === undefined ? {} : { imageEndpoint: values['image-endpoint'] }),
    ...(values.focus === undefined ? {} : { focus: values.focus }),
    ...(values.skip === undefined ? {} : { skip: values.skip }),
    ...(parallel === 1 ? {} : { parallel }),
  }
}

async function main(): Promise<void> {
  const plan = parseCommandLine()
  if (plan === 'help' || plan === 'misuse') {
    process.stdout.write(USAGE)
    process.exitCode = plan === 'help' ? 0 : 2
    return
  }
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort())
  const known: Record<string, KnownSpec> = JSON.parse(await readFile(join(HERE, 'critest-known.json'), 'utf8'))
  const layout = await ensureImages('critest', { report: (line) => process.stderr.write(`${line}\n`) })
  await ensureTools()
  if (plan.through) return compareThrough(layout, { ...plan, signal: interrupted.signal })
  const runs: Readonly<Record<string, RunPlan>> = plan.all
    ? Object.fromEntries(Object.entries(ALL_RUNS).map(([title, choice]) => [title, { ...plan, ...choice }]))
    : { '': plan }
  for (const [title, run] of Object.entries(runs)) {
    if (title !== '') process.stdout.write(`\ncritest ${title}\n`)
    await runAndJudge(layout, { ...run, signal: interrupted.signal }, known)
  }
}

/** The peer directly, then behind gantryd: what is reported is what gantryd changes, which must be nothing. */
async function compareThrough(layout: string, plan: RunPlan): Promise<void> {
  const direct = await watchingLeaks(() => runWithImages(layout, plan))
  const through = await watchingLeaks(() => runWithImages(layout, { ...plan, start: startContainerdThroughGantry }))
  for (const [title, results] of Object.entries({ directly: direct, 'through gantry': through })) {
    process.stdout.write(`\ncritest ${title}\n${formatResults(results, {})}\n`)
  }
  const differences = resultDifferences(direct, through)
  process.stdout.write(`\n${differences.length} specs differ\n${differences.map((line) => `  ${line}\n`).join('')}`)
  if (direct.length === 0 || differences.length > 0) process.exitCode = 1
}

/** One run and its report; what failed or was left behind makes the exit code. */
async function runAndJudge(layout: string, plan: RunPlan, known: Readonly<Record<string, KnownSpec>>): Promise<void> {
  await watchingLeaks(async () => {
    const results = await runWithImages(layout, plan)
    process.stdout.write(`${formatResults(results, known)}\n`)
    if (results.length === 0 || hasNewFailures(results, known)) process.exitCode = 1
  })
}

async function watchingLeaks<T>(work: () => Promise<T>): Promise<T> {
  const before = await snapshotHost()
  try {
    return await work()
  } finally {
    await removeSegmentsOfCritest(before)
    const leaks = leaksBetween(before, await snapshotHost())
    if (leaks.length > 0) {
      process.stdout.write(`${describeLeaks(leaks)}\n`)
      process.exitCode = 1
    }
  }
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`critest: ${messageOf(error)}\n`)
    process.exitCode = 1
  })
}
