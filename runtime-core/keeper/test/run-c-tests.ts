// SPDX-License-Identifier: Apache-2.0

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** One line of TAP and what was said about it. */
export interface TapTest {
  readonly name: string
  readonly passed: boolean
  readonly skipped: boolean
  readonly notes: readonly string[]
}

/** What run.sh printed, and how it ended. */
export interface TapRun {
  readonly tests: readonly TapTest[]
  readonly planned: number
  readonly status: number | null
  readonly errors: string
}

const RUN = fileURLToPath(new URL('run.sh', import.meta.url))

/** Builds and runs the C tests; `env` is added to the environment (CROSS, for another machine's). */
export async function runCTests(env: NodeJS.ProcessEnv = {}): Promise<TapRun> {
  const child = spawn(RUN, [], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  const [output, errors] = await Promise.all([textOf(child.stdout), textOf(child.stderr)])
  const status = child.exitCode ?? (await new Promise<number | null>((resolve) => child.once('close', resolve)))
  return { ...parseTap(output), status, errors }
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** Lines `# program`, `ok N - name`, `not ok N - name` with `# note`s behind it, and a plan `1..N` for each program. */
function parseTap(output: string): Pick<TapRun, 'tests' | 'planned'> {
  const tests: (TapTest & { notes: string[] })[] = []
  let planned = 0
  let program = ''
  for (const line of output.split('\n')) {
    const [, failed, name, skip] = /^(not )?ok \d+ - (.*?)( # SKIP .*)?$/.exec(line) ?? []
    const [, last] = /^1\.\.(\d+)$/.exec(line) ?? []
    const [, title] = /^# ([a-z-]+)$/.exec(line) ?? []
    if (name !== undefined) {
      const notes: string[] = []
      tests.push({ name: `${program}: ${name}`, passed: failed === undefined, skipped: skip !== undefined, notes })
    } else if (last !== undefined) planned += Number(last)
    else if (title !== undefined) program = title
    else if (line !== '') tests.at(-1)?.notes.push(line)
  }
  return { tests, planned }
}
