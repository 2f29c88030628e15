// SPDX-License-Identifier: Apache-2.0
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { messageOf } from '../../runtime-core/errors.ts'
import { runCommand } from '../images/command.ts'
import { INTENDED, unintended } from './intended.ts'
import { type Bench, prepareBench, runValidation, type ValidationRun, validationPrograms } from './run-validation.ts'
import { hasPassed, regressions, summary } from './tap.ts'

const GANTRY_OCI = resolve(import.meta.dirname, '../../bin/gantry-oci')
const USAGE = `usage: node e2e/oci-suite/main.ts [--runtime PROGRAM] [--peer PROGRAM] [--filter TEXT] [--timeout SECONDS] [--verbose]

Runs the programs of the OCI's validation suite with gantry-oci and with runc, and prints what passed. Exit code 1 where
anything that passes with the peer does not with the runtime.
  --verbose  also what the programs said that did not pass with the runtime
`

interface Row {
  readonly name: string
  readonly peer: ValidationRun
  readonly ours: ValidationRun
  readonly lost: readonly string[]
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runtime: { type: 'string', default: GANTRY_OCI },
      peer: { type: 'string', default: 'runc' },
      filter: { type: 'string', default: '' },
      timeout: { type: 'string', default: '120' },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    return
  }
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort())
  await runCommand('sh', [join(import.meta.dirname, 'build.sh')])
  const names = (await validationPrograms()).filter((name) => name.includes(values.filter))
  const directory = await mkdtemp(join(tmpdir(), 'gantry-oci-suite-'))
  // Roots of user namespaces pass through it.
  await chmod(directory, 0o711)
  try {
    const common = { timeoutMs: Number(values.timeout) * 1000, signal: interrupted.signal }
    const peer: Bench = { ...common, runtime: values.peer, directory: join(directory, 'peer') }
    const ours: Bench = { ...common, runtime: values.runtime, directory: join(directory, 'ours') }
    for (const bench of [peer, ours]) await prepareBench(bench)
    const rows: Row[] = []
    for (const name of names) {
      const row = await compare(name, peer, ours)
      interrupted.signal.throwIfAborted()
      rows.push(row)
      report(row, values.verbose)
    }
    conclude(rows)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function compare(name: string, peer: Bench, ours: Bench): Promise<Row> {
  const [theirs, mine] = [await runValidation(name, peer), await runValidation(name, ours)]
  return { name, peer: theirs, ours: mine, lost: regressions(theirs, mine) }
}

function report({ name, peer, ours, lost }: Row, verbose: boolean): void {
  const wrong = unintended(name, lost)
  const verdict = lost.length === 0 ? '' : wrong.length === 0 ? '  intended' : '  LOST'
  process.stdout.write(`${name.padEnd(34)}${summary(peer).padEnd(20)}${summary(ours)}${verdict}\n`)
  for (const one of wrong) process.stdout.write(`    ${one}\n`)
  if (verbose && !hasPassed(ours)) process.stdout.write(`${ours.output.replaceAll(/^/gm, '    | ')}\n`)
}

function conclude(rows: readonly Row[]): void {
  const lost = rows.filter((row) => unintended(row.name, row.lost).length > 0)
  const passed = (of: (row: Row) => ValidationRun) => rows.filter((row) => hasPassed(of(row))).length
  process.stdout.write(
    `\nof ${rows.length} programs pass: peer ${passed((row) => row.peer)}, runtime ${passed((row) => row.ours)}\n`,
  )
  for (const { name } of rows.filter((row) => row.lost.length > 0 && !lost.includes(row))) {
    process.stdout.write(`intended: ${name}: ${INTENDED[name]?.reason}\n`)
  }
  for (const { name } of lost) process.stdout.write(`lost: ${name}\n`)
  if (lost.length > 0) process.exitCode = 1
}

main().catch((error: unknown) => {
  process.stderr.write(`oci-suite: ${messageOf(error)}\n`)
  process.exitCode = 1
})
