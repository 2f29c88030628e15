// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GantryError, messageOf } from '../../runtime-core/errors.ts'
import { makeImage } from '../../runtime-core/keeper/test/image.ts'
import { exampleSpec } from '../../runtime-core/oci-cli/example-spec.ts'
import { GANTRY_OCI } from '../../runtime-core/oci-cli/testing.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { containerConfig, HOST_NETWORK, idleConfig, podConfig } from '../harness/workloads.ts'
import { describeMachine } from './machine.ts'
import { quantile } from './samples.ts'

const WARM_UP = 3
const ROUNDS = 30
const COMMAND_DEADLINE_MS = 30_000
const TIME = '/usr/bin/time'

interface Runtime {
  readonly name: string
  readonly program: string
  /** Its `--root`. */
  readonly root: string
}

interface Bundles {
  /** Of a program that ends at once. */
  readonly brief: string
  /** Of one that stays. */
  readonly idle: string
}

/** One row of the table: the commands that are timed, together, and what has to be done around them. */
interface Measured {
  readonly name: string
  readonly before?: (bundles: Bundles, id: string) => readonly (readonly string[])[]
  readonly timed: (bundles: Bundles, id: string) => readonly (readonly string[])[]
  readonly after?: (bundles: Bundles, id: string) => readonly (readonly string[])[]
}

const RUN_IDLE = ({ idle }: Bundles, id: string) => [['run', '--detach', '--bundle', idle, id]]
const REMOVE = (_: Bundles, id: string) => [['delete', '--force', id]]

const MEASURED: readonly Measured[] = [
  { name: 'run true', timed: ({ brief }, id) => [['run', '--bundle', brief, id]] },
  {
    name: 'create, start, delete',
    timed: ({ idle }, id) => [
      ['create', '--bundle', idle, id],
      ['start', id],
      ['delete', '--force', id],
    ],
  },
  { name: 'exec true', before: RUN_IDLE, timed: (_, id) => [['exec', id, '/bin/true']], after: REMOVE },
  { name: 'state', before: RUN_IDLE, timed: (_, id) => [['state', id]], after: REMOVE },
  { name: 'list', before: RUN_IDLE, timed: () => [['list']], after: REMOVE },
]

/** The command line beside Debian's runtimes, and the same containers through gantryd, which starts no process for them. */
async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-bench-oci-'))
  try {
    const bundles = {
      brief: bundle(directory, 'brief', ['/bin/true']),
      idle: bundle(directory, 'idle', ['/bin/sleep', '3600']),
    }
    const runtimes = findRuntimes(directory, bundles)
    const { cpus, model, kernel, node } = describeMachine()
    print(`${cpus} × ${model}, Linux ${kernel}, Node ${node}; ${ROUNDS} rounds, p50 in ms and peak memory in MB\n`)
    print(row(['', ...runtimes.flatMap(({ name }) => [name, 'MB'])]))
    for (const measured of MEASURED) print(row([measured.name, ...figures(measured, runtimes, bundles, directory)]))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  print('')
  await measureDaemon()
}

/** A runtime that is not there or does not work on this machine is left out, and said to be. */
function findRuntimes(directory: string, { brief }: Bundles): readonly Runtime[] {
  const all = [
    ['gantry-oci', GANTRY_OCI],
    ['runc', 'runc'],
    ['crun', 'crun'],
  ] as const
  return all
    .map(([name, program]) => ({ name, program, root: join(directory, `root-${name}`) }))
    .filter((runtime) => {
      try {
        call(runtime, ['run', '--bundle', brief, 'bench-probe'])
        return true
      } catch (error) {
        if (runtime.name === 'gantry-oci') throw error
        spawnSync(runtime.program, ['--root', runtime.root, 'delete', '--force', 'bench-probe'])
        print(`${runtime.name} is left out: ${messageOf(error)}`)
        return false
      }
    })
}

function figures(measured: Measured, runtimes: readonly Runtime[], bundles: Bundles, directory: string): string[] {
  const times = new Map(runtimes.map(({ name }) => [name, [] as number[]]))
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    // Who goes first changes, so that nobody always meets another's aftermath.
    for (const runtime of round % 2 === 0 ? runtimes : runtimes.toReversed()) {
      const ms = around(measured, runtime, bundles, (commands) => {
        const begin = performance.now()
        for (const args of commands) call(runtime, args)
        return performance.now() - begin
      })
      if (round >= 0) times.get(runtime.name)?.push(ms)
    }
  }
  return runtimes.flatMap((runtime) => [
    quantile(times.get(runtime.name) ?? [], 0.5).toFixed(1),
    around(measured, runtime, bundles, (commands) =>
      Math.max(...commands.map((args) => peakMegabytes(runtime, args, directory))),
    ).toFixed(0),
  ])
}

function around<T>(
  { before, timed, after }: Measured,
  runtime: Runtime,
  bundles: Bundles,
  action: (commands: readonly (readonly string[])[]) => T,
): T {
  const id = `bench-${process.pid}`
  for (const args of before?.(bundles, id) ?? []) call(runtime, args)
  const result = action(timed(bundles, id))
  for (const args of after?.(bundles, id) ?? []) call(runtime, args)
  return result
}

function call(runtime: Runtime, args: readonly string[]): void {
  run(runtime.program, ['--root', runtime.root, ...args])
}

/** By a small program in between: a process counts the memory of the one that it was before its exec as its own. */
function peakMegabytes(runtime: Runtime, args: readonly string[], directory: string): number {
  const out = join(directory, 'peak')
  run(TIME, ['--format', '%M', '--output', out, runtime.program, '--root', runtime.root, ...args])
  return Number(readFileSync(out, 'latin1').trim()) / 1024
}

function run(program: string, args: readonly string[]): void {
  // Not to a pipe: a container that stays would hold it open.
  const path = join(tmpdir(), `gantry-bench-oci-said-${process.pid}`)
  const said = openSync(path, 'w+')
  rmSync(path)
  try {
    const stdio = ['ignore', 'ignore', said] as const
    const { status, error } = spawnSync(program, args, { stdio: [...stdio], timeout: COMMAND_DEADLINE_MS })
    if (status !== 0) throw commandFailure(program, args, readFileSync(`/proc/self/fd/${said}`, 'utf8'), status, error)
  } finally {
    closeSync(said)
  }
}

function commandFailure(
  program: string,
  args: readonly string[],
  said: string,
  status: number | null,
  cause: Error | undefined,
): GantryError {
  return new GantryError('internal', {
    action: `run ${program} ${args[2] ?? ''}`,
    reason: `exit status ${status}: ${said.trim()}`,
    ...(cause === undefined ? {} : { cause }),
  })
}

function bundle(directory: string, name: string, args: readonly string[]): string {
  const path = join(directory, name)
  mkdirSync(path)
  makeImage(join(path, 'rootfs'))
  const spec = exampleSpec(undefined)
  const process = { cwd: '/', ...spec.process, terminal: false, args }
  // What every release of the peers reads.
  writeFileSync(join(path, 'config.json'), JSON.stringify({ ...spec, ociVersion: '1.0.2', process }))
  return path
}

async function measureDaemon(): Promise<void> {
  await using daemon = await DaemonUnderTest.start({ network: 'none', pull: [IMAGES.busybox] })
  const { client, workloads, place } = daemon
  const config = podConfig(place, 'measured', { linux: { securityContext: { namespaceOptions: HOST_NETWORK } } })
  const { podSandboxId } = await client.runtime.runPodSandbox({ config })
  const idle = await workloads.runContainer(podSandboxId, idleConfig('idle'), config)
  const times = { start: [] as number[], exec: [] as number[] }
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    const container = containerConfig(`brief${round}`, { command: ['/bin/true'] })
    const { containerId } = await client.runtime.createContainer({
      podSandboxId,
      config: container,
      sandboxConfig: config,
    })
    const start = await timed(() => client.runtime.startContainer({ containerId }))
    const exec = await timed(() => client.runtime.execSync({ containerId: idle, cmd: ['/bin/true'], timeout: 10n }))
    await client.runtime.removeContainer({ containerId })
    if (round >= 0) {
      times.start.push(start)
      times.exec.push(exec)
    }
  }
  print(row(['through gantryd', 'p50 ms']))
  print(row(['StartContainer true', quantile(times.start, 0.5).toFixed(1)]))
  print(row(['ExecSync true', quantile(times.exec, 0.5).toFixed(1)]))
}

async function timed(action: () => Promise<unknown>): Promise<number> {
  const begin = performance.now()
  await action()
  return performance.now() - begin
}

function row([name = '', ...cells]: readonly string[]): string {
  return `${name.padEnd(24)}${cells.map((cell) => cell.padStart(12)).join('')}`
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

main().catch((error: unknown) => {
  process.stderr.write(`bench: ${messageOf(error)}\n`)
  process.exitCode = 1
})
