// SPDX-License-Identifier: Apache-2.0
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { messageOf } from '../../runtime-core/errors.ts'
import { ensureImages, IMAGE_SETS } from '../images/build.ts'
import { runCommand } from '../images/command.ts'
import { ensureTools } from '../tools/ensure.ts'
import { ensurePackage } from './package.ts'
import { CACHE, runInVm, type VmOptions } from './run.ts'

const REPOSITORY = resolve(import.meta.dirname, '../..')
const NODE = 'node_modules/.bin/node'
const MINUTE_MS = 60_000

interface VmSuite {
  /** Below the repository; run by our Node. */
  readonly script: readonly string[]
  readonly timeoutMs: number
  readonly init?: 'systemd'
  readonly kernelArguments?: readonly string[]
}

/** Each in a machine of its own, in this order: what is at the bottom first. */
const SUITES: Readonly<Record<string, VmSuite>> = {
  unified: { script: ['e2e/vm/cgroup-v2.guest.ts'], timeoutMs: 10 * MINUTE_MS },
  apparmor: { script: ['e2e/vm/apparmor.guest.ts'], timeoutMs: 10 * MINUTE_MS },
  systemd: { script: ['e2e/vm/systemd.guest.ts'], timeoutMs: 10 * MINUTE_MS, init: 'systemd' },
  'systemd-unit': { script: ['e2e/vm/systemd-unit.guest.ts'], timeoutMs: 20 * MINUTE_MS, init: 'systemd' },
  'systemd-oci': { script: ['e2e/vm/systemd-oci.guest.ts'], timeoutMs: 20 * MINUTE_MS, init: 'systemd' },
  'systemd-engines': { script: ['e2e/vm/systemd-engines.guest.ts'], timeoutMs: 20 * MINUTE_MS, init: 'systemd' },
  'systemd-hybrid': {
    script: ['e2e/vm/systemd.guest.ts'],
    timeoutMs: 10 * MINUTE_MS,
    init: 'systemd',
    kernelArguments: ['systemd.unified_cgroup_hierarchy=0'],
  },
  root: { script: ['e2e/harness/run-tests.ts', '--root'], timeoutMs: 30 * MINUTE_MS },
  // critest is a suite of its own here, with AppArmor set up for it.
  e2e: { script: ['e2e/harness/run-tests.ts', '--e2e', '--except', 'critest'], timeoutMs: 60 * MINUTE_MS },
  oci: { script: ['e2e/oci-suite/main.ts', '--timeout', '300'], timeoutMs: 40 * MINUTE_MS },
  critest: { script: ['e2e/vm/critest-guest.ts'], timeoutMs: 40 * MINUTE_MS },
}

const USAGE = `usage: node e2e/vm/main.ts [SUITE…] [-- ARGUMENT…]

Runs suites on Debian's kernel with a pure cgroup v2: ${Object.keys(SUITES).join(', ')}; all of them unless named.
Arguments after -- go to the suite: --filter TEXT (root, e2e), --focus REGEX (critest).
`

/** What needs the network or a compiler is made here: the guest has neither, and takes ten times as long. */
async function prepare(): Promise<void> {
  await runCommand('sh', [join(REPOSITORY, 'runtime-core/keeper/build.sh')])
  for (const set of IMAGE_SETS) await ensureImages(set)
  // Compiles the daemon into the cache beside the packages, which the guest sees.
  await runCommand(join(REPOSITORY, 'bin/gantryd'), ['--help'])
  await runCommand(join(REPOSITORY, 'bin/gantry-oci'), ['features'])
  await ensureTools()
  await runCommand('sh', [join(REPOSITORY, 'e2e/oci-suite/build.sh')])
  // Debian's kernel has AppArmor; the machine that hosts the guest may not.
  await ensurePackage('apparmor', join(CACHE, 'apparmor'))
}

async function runSuite(
  options: Pick<VmOptions, 'command' | 'timeoutMs' | 'signal' | 'init' | 'kernelArguments'>,
): Promise<boolean> {
  try {
    const onOutput = (chunk: Buffer) => process.stdout.write(chunk)
    return (await runInVm({ ...options, cwd: REPOSITORY, onOutput })).exitCode === 0
  } catch (error) {
    options.signal?.throwIfAborted()
    process.stdout.write(`vm: ${messageOf(error)}\n`)
    return false
  }
}

async function main(): Promise<void> {
  const { values, tokens } = parseArgs({
    options: { help: { type: 'boolean' } },
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  const separator = tokens.find(({ kind }) => kind === 'option-terminator')?.index ?? Number.POSITIVE_INFINITY
  const words = process.argv.slice(2)
  const names = words.slice(0, separator)
  const unknown = names.filter((name) => !(name in SUITES))
  if (values.help === true || unknown.length > 0) {
    process.stdout.write(USAGE)
    process.exitCode = values.help === true ? 0 : 2
    return
  }
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort())
  await prepare()
  const results: string[] = []
  for (const [name, { script, ...machine }] of Object.entries(SUITES)) {
    if (names.length > 0 && !names.includes(name)) continue
    const command = [NODE, ...script, ...words.slice(separator + 1)]
    const passed = await runSuite({ command, ...machine, signal: interrupted.signal })
    results.push(`${passed ? 'passed' : 'failed'}  ${name}`)
    if (!passed) process.exitCode = 1
  }
  process.stdout.write(`\n${results.join('\n')}\n`)
}

main().catch((error: unknown) => {
  process.stderr.write(`vm: ${messageOf(error)}\n`)
  process.exitCode = 1
})
