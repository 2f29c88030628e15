// SPDX-License-Identifier: Apache-2.0
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unmountBelow } from '../bench/peers/leftovers.ts'
import { REPOSITORY } from '../checks/source-tree.ts'
import { runProgram } from './run-program.ts'
import { judgeRun, type Verdict } from './test-counts.ts'
import type { Result } from './test-report.ts'
import { FILE_SUITES, type FileSuite } from './test-suites.ts'

/** The Node that everything of ours runs with. */
const NODE = join(REPOSITORY, 'node_modules/.bin/node')

/** What a test file needs to know of its run. */
export interface FileRun {
  readonly suite: FileSuite
  readonly path: string
  readonly env: NodeJS.ProcessEnv
  readonly signal: AbortSignal
}

/** Runs one test file in a process of its own, with a directory for temporary files that must be empty at the end. */
export async function runTestFile({ suite, path, env, signal }: FileRun): Promise<Result> {
  // Short: the sockets below it may have 107 bytes.
  const temporary = await mkdtemp(join(tmpdir(), 'gt-'))
  // Containers with users of their own pass through it.
  await chmod(temporary, 0o711)
  try {
    const run = await runProgram({
      command: NODE,
      args: ['--disable-warning=ExperimentalWarning', path],
      cwd: REPOSITORY,
      env: { ...env, TMPDIR: temporary },
      timeoutMs: FILE_SUITES[suite].timeoutMs,
      signal,
    })
    const left = [
      ...run.survivors.map((survivor) => `process ${survivor}`),
      ...(await readdir(temporary)).map((name) => `temporary file ${name}`),
    ]
    const verdict = withLeftovers(judgeRun(run.output, run), left)
    const failure = verdict.counts.failed > 0 ? describe(run.output, verdict) : undefined
    const result = { suite, name: path, counts: verdict.counts, seconds: run.seconds }
    return failure === undefined ? result : { ...result, failure }
  } finally {
    // First, or what is mounted there would be removed with it.
    await unmountBelow(temporary)
    await rm(temporary, { recursive: true, force: true })
  }
}

/** Adds one failure for what a file left behind, with the list of it. */
export function addLeftovers(result: Result, left: readonly string[]): Result {
  const { counts, problem } = withLeftovers({ counts: result.counts }, left)
  if (problem === undefined) return result
  return { ...result, counts, failure: [result.failure, problem].filter((text) => text !== undefined).join('\n') }
}

function withLeftovers(verdict: Verdict, left: readonly string[]): Verdict {
  if (left.length === 0) return verdict
  const problem = [verdict.problem, ...left.map((what) => `left behind: ${what}`)].filter((line) => line !== undefined)
  return { counts: { ...verdict.counts, failed: verdict.counts.failed + 1 }, problem: problem.join('\n') }
}

function describe(output: string, { problem }: Verdict): string {
  return problem === undefined ? output : `${output.trimEnd()}\n\n${problem}`
}
