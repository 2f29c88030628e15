// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { GantryError, messageOf } from '../runtime-core/errors.ts'
import { startContainerd, startGantry, type Target } from './critest-target.ts'
import {
  formatResults,
  hasNewFailures,
  type KnownSpec,
  readGinkgoReport,
  type SpecResult,
} from './harness/ginkgo-report.ts'
import { describeLeaks, type HostState, leaksBetween, snapshotHost } from './harness/leaks.ts'
import { ensureImages } from './images/build.ts'
import { runCommand } from './images/command.ts'
import { CRITEST_REGISTRIES } from './images/critest-images.ts'
import { writeCertsD } from './registry/certs-d.ts'
import { RegistryServer } from './registry/server.ts'

const HERE = import.meta.dirname
/** In ginkgo's form. A healthy run takes two minutes. */
const TIMEOUT = '30m'
const USAGE = `usage: node e2e/critest.ts [--peer containerd]
       node e2e/critest.ts --runtime-endpoint unix:///… [--certs-d DIR]

Runs critest against a private gantryd, and prints what passed, failed and was skipped, with causes. It serves the images
from a registry of its own for as long as it runs; --certs-d names the directory in which the runtime looks for
hosts.toml files, which are written there. With --peer a private containerd takes gantryd's place, as the measure.

  --focus REGEX, --skip REGEX   run fewer specs
  --websocket                   exec, attach and port-forward over WebSocket, not SPDY
  --report-dir DIR              keep critest's log and its JSON report
  --image-endpoint unix:///…    another socket for images
`

/** What a run of critest is given. */
export interface CritestOptions {
  readonly runtimeEndpoint: string
  readonly imageEndpoint?: string
  readonly focus?: string
  readonly skip?: string
  /** How exec, attach and port-forward are connected; SPDY where it is not said. */
  readonly transport?: 'spdy' | 'websocket'
  /** Receives `critest.log` and `report.json`. */
  readonly reportDirectory: string
  /** Ends the run early, as an error. */
  readonly signal?: AbortSignal
}

/** Runs critest (tools/build.sh makes it) to its end and reads its report; specs that fail are no error. */
export async function runCritest(options: CritestOptions): Promise<SpecResult[]> {
  await mkdir(options.reportDirectory, { recursive: true })
  const report = join(options.reportDirectory, 'report.json')
  await rm(report, { force: true })
  const args = [`--runtime-endpoint=${options.runtimeEndpoint}`, `--ginkgo.json-report=${report}`]
  args.push('--ginkgo.no-color', `--ginkgo.timeout=${TIMEOUT}`)
  if (options.imageEndpoint !== undefined) args.push(`--image-endpoint=${options.imageEndpoint}`)
  if (options.focus !== undefined) args.push(`--ginkgo.focus=${options.focus}`)
  if (options.skip !== undefined) args.push(`--ginkgo.skip=${options.skip}`)
  if (options.transport === 'websocket') {
    args.push(...['exec', 'attach', 'portforward'].map((name) => `--websocket-${name}`))
  }
  const log = await open(join(options.reportDirectory, 'critest.log'), 'w')
  try {
    const child = spawn(join(HERE, '.cache/bin/critest'), args, {
      cwd: options.reportDirectory,
      stdio: ['ignore', log.fd, log.fd],
    })
    const ended = once(child, 'exit')
    // Ginkgo takes its pods down when it is interrupted; killed, it would leave them to the runtime.
    options.signal?.addEventListener('abort', () => child.kill('SIGINT'), { once: true })
    await ended
    options.signal?.throwIfAborted()
  } finally {
    await log.close()
  }
  const text = await readFile(report, 'utf8').catch((cause: unknown) => {
    const hint = `see ${join(options.reportDirectory, 'critest.log')}`
    throw new GantryError('internal', { action: 'run critest against', subject: options.runtimeEndpoint, hint, cause })
  })
  return readGinkgoReport(text)
}

// The HostIPC specs make shared memory of this size on the host (`ipcmk -M 1048576`) and never remove it.
async function removeSegmentsOfCritest(before: HostState): Promise<void> {
  for (const { kind, what } of leaksBetween(before, await snapshotHost())) {
    const id = kind === 'ipc' ? /^shm (\d+) \(1048576 bytes\)$/.exec(what)?.[1] : undefined
    if (id !== undefined) await runCommand('ipcrm', ['-m', id])
  }
}

type Selection = Pick<CritestOptions, 'focus' | 'skip' | 'signal' | 'imageEndpoint' | 'transport'>

interface RunPlan extends Selection {
  /** Undefined: start one of our own. */
  readonly runtimeEndpoint: string | undefined
  readonly start: typeof startGantry
  readonly certsDirectory: string | undefined
  readonly reportDirectory: string | undefined
}

/** Serves the images, runs critest, takes everything down again. */
async function runWithImages(layout: string, plan: RunPlan): Promise<SpecResult[]> {
  const { runtimeEndpoint, certsDirectory, reportDirectory, start, ...selection } = plan
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
      focus: { type: 'string' },
      skip: { type: 'string' },
      'report-dir': { type: 'string' },
      websocket: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) return 'help'
  const runtimeEndpoint = values['runtime-endpoint']
  if (values.peer !== undefined && (values.peer !== 'containerd' || runtimeEndpoint !== undefined)) return 'misuse'
  return {
    runtimeEndpoint,
    start: values.peer === 'containerd' ? startContainerd : startGantry,
    certsDirectory: values['certs-d'],
    reportDirectory: values['report-dir'],
    transport: values.websocket === true ? 'websocket' : 'spdy',
    ...(values['image-endpoint'] === undefined ? {} : { imageEndpoint: values['image-endpoint'] }),
    ...(values.focus === undefined ? {} : { focus: values.focus }),
    ...(values.skip === undefined ? {} : { skip: values.skip }),
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
  await runCommand('sh', [join(HERE, 'tools/build.sh')])
  const before = await snapshotHost()
  try {
    const results = await runWithImages(layout, { ...plan, signal: interrupted.signal })
    process.stdout.write(`${formatResults(results, known)}\n`)
    if (results.length === 0 || hasNewFailures(results, known)) process.exitCode = 1
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
