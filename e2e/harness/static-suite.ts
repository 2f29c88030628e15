// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { messageOf } from '../../runtime-core/errors.ts'
import { CHECKS } from '../checks/index.ts'
import { REPOSITORY } from '../checks/source-tree.ts'
import { runProgram } from './run-program.ts'
import { NO_TESTS } from './test-counts.ts'
import type { Result } from './test-report.ts'

const TIMEOUT_MS = 300_000
const BIN = join(REPOSITORY, 'node_modules/.bin')
const TOOLS = [
  { name: 'type check (tsc)', command: join(BIN, 'tsc'), args: ['--noEmit', '--pretty', 'false'] },
  {
    name: 'lint and format (biome)',
    command: join(BIN, 'biome'),
    args: ['ci', '--colors=off', '--md-formatter-enabled=false', '.'],
  },
] as const

/** What is proved without running anything: types, lint, and the rules of e2e/checks, one test each. */
export async function* runStaticSuite(env: NodeJS.ProcessEnv, signal: AbortSignal): AsyncGenerator<Result> {
  for (const { name, command, args } of TOOLS) {
    const run = await runProgram({ command, args, cwd: REPOSITORY, env, timeoutMs: TIMEOUT_MS, signal })
    yield resultOf(name, run.seconds, run.exitCode === 0 ? '' : run.output || `ended by ${run.signal}`)
  }
  for (const { name, findProblems } of CHECKS) {
    const start = performance.now()
    const problems = await findProblems(REPOSITORY).catch((error: unknown) => [messageOf(error)])
    yield resultOf(`check: ${name}`, (performance.now() - start) / 1000, problems.join('\n'))
  }
}

function resultOf(name: string, seconds: number, failure: string): Result {
  const base = { suite: 'static', name, seconds } as const
  if (failure === '') return { ...base, counts: { ...NO_TESTS, passed: 1 } }
  return { ...base, counts: { ...NO_TESTS, failed: 1 }, failure }
}
