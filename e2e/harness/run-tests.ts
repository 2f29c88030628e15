// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { messageOf } from '../../runtime-core/errors.ts'
import { REPOSITORY } from '../checks/source-tree.ts'
import { HostWatch } from './host-watch.ts'
import { addLeftovers, runTestFile } from './run-file.ts'
import { runStaticSuite } from './static-suite.ts'
import { NO_TESTS } from './test-counts.ts'
import { finalReport, progressLine, type Result, sumOf } from './test-report.ts'
import { FILE_SUITES, type FileSuite, findTests, SUITES, type SuiteName } from './test-suites.ts'

const USAGE = `usage: node e2e/harness/run-tests.ts [--static] [--unit] [--root] [--e2e] [--filter TEXT] [--except TEXT]

Runs the named suites, or all of them; with --filter only the files whose path contains TEXT, with --except those whose
path does not.
  --static  type check, lint, checks        --unit  *.test.ts
  --root    *.root.test.ts, as root         --e2e   *.e2e.test.ts, as root
`

/** What is tested is what the sources say now; instant where nothing has changed. */
const BUILT = ['runtime-core/keeper/build.sh', 'runtime-core/oci-cli/build.sh']

interface TestRun {
  readonly env: NodeJS.ProcessEnv
  readonly signal: AbortSignal
  readonly filter: string | undefined
  readonly except: string | undefined
  readonly report: (result: Result) => void
}

async function main(): Promise<void> {
  const flags = { type: 'boolean' } as const
  const { values } = parseArgs({
    options: {
      static: flags,
      unit: flags,
      root: flags,
      e2e: flags,
      filter: { type: 'string' },
      except: { type: 'string' },
      help: flags,
    },
  })
  if (values.help === true) return void process.stdout.write(USAGE)
  for (const built of BUILT) execFileSync('sh', [join(REPOSITORY, built)], { stdio: 'inherit' })
  const named = SUITES.filter((suite) => values[suite] === true)
  const all = SUITES.filter((suite) => values.filter === undefined || suite !== 'static')
  const results: Result[] = []
  const run: TestRun = {
    env: testEnvironment(),
    signal: untilInterrupted(),
    filter: values.filter,
    except: values.except,
    report: (result) => {
      results.push(result)
      process.stdout.write(`${progressLine(result)}\n`)
    },
  }
  await runSuites(named.length > 0 ? named : all, run)
  if (run.signal.aborted) results.push(failed('static', 'the run was interrupted', String(run.signal.reason)))
  if (results.length === 0) results.push(failed('static', `no test matches ${JSON.stringify(values.filter)}`, ''))
  process.stdout.write(`\n${finalReport(results)}\n`)
  process.exitCode = sumOf(results).failed > 0 ? 1 : 0
}

async function runSuites(suites: readonly SuiteName[], run: TestRun): Promise<void> {
  for (const suite of suites) {
    if (run.signal.aborted) return
    if (suite === 'static') for await (const result of runStaticSuite(run.env, run.signal)) run.report(result)
    else await runFileSuite(suite, run)
  }
}

async function runFileSuite(suite: FileSuite, run: TestRun): Promise<void> {
  const { concurrency, needsRoot } = FILE_SUITES[suite]
  const open = await findTests(suite, run)
  if (needsRoot && process.getuid?.() !== 0) return reportWithoutRoot(suite, open, run)
  const watch = await HostWatch.begin()
  const worker = async (): Promise<void> => {
    for (let path = open.shift(); path !== undefined && !run.signal.aborted; path = open.shift()) {
      const result = await runTestFile({ suite, path, env: run.env, signal: run.signal }).catch((error: unknown) =>
        failed(suite, path, messageOf(error)),
      )
      run.report(concurrency > 1 ? result : addLeftovers(result, await watch.leftSince()))
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  // Of files that ran at the same time nobody can tell which of them it was.
  const left = await watch.leftSince()
  if (left.length > 0) run.report(failed(suite, `something of the ${suite} tests is left`, left.join('\n')))
}

/** Where the tests decide, leaving some out is no success. */
function reportWithoutRoot(suite: FileSuite, paths: readonly string[], run: TestRun): void {
  for (const path of paths) {
    if (run.env['CI'] === 'true') run.report(failed(suite, path, 'needs root'))
    else run.report({ suite, name: path, seconds: 0, counts: { ...NO_TESTS, skipped: 1 }, remark: 'needs root' })
  }
}

function failed(suite: SuiteName, name: string, failure: string): Result {
  return { suite, name, seconds: 0, counts: { ...NO_TESTS, failed: 1 }, failure }
}

function testEnvironment(): NodeJS.ProcessEnv {
  const { FORCE_COLOR: _, ...env } = process.env
  return { ...env, NO_COLOR: '1', NODE_COMPILE_CACHE: join(REPOSITORY, 'node_modules/.cache/gantry') }
}

/** The first interrupt ends the file that runs and prints what is known until then. */
function untilInterrupted(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => controller.abort(new Error(`interrupted by ${name}`)))
  }
  return controller.signal
}

main().catch((error: unknown) => {
  process.stderr.write(`run-tests: ${messageOf(error)}\n`)
  process.stdout.write('0 passed, 1 failed\n')
  process.exitCode = 1
})
