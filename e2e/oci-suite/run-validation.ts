// SPDX-License-Identifier: Apache-2.0
import { copyFile, mkdir, readdir, rm, rmdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { errnoOf } from '../../runtime-core/errors.ts'
import { runProgram } from '../harness/run-program.ts'
import { runCommand } from '../images/command.ts'
import { readPoints, type TapReport } from './tap.ts'

/** Where build.sh puts what it builds. */
export const OCI_SUITE = resolve(import.meta.dirname, '../.cache/oci-suite')
const PROGRAMS = join(OCI_SUITE, 'programs')

/** Where one runtime is tried. */
export interface Bench {
  /** Program of the runtime, with runc's command line. */
  readonly runtime: string
  /** A directory of its own: the runtime's root, the suite's bundles. */
  readonly directory: string
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

export interface ValidationRun extends TapReport {
  readonly output: string
}

/** The names of the suite's programs. */
export async function validationPrograms(): Promise<string[]> {
  return (await readdir(PROGRAMS)).sort()
}

/** What the suite's programs expect where they are run: what they run inside, its root, and a runtime with a root of its own. */
export async function prepareBench({ runtime, directory }: Bench): Promise<void> {
  await mkdir(join(directory, 'tmp'), { recursive: true })
  const files = (await readdir(OCI_SUITE)).filter((name) => name === 'runtimetest' || name.startsWith('rootfs-'))
  for (const name of files) await copyFile(join(OCI_SUITE, name), join(directory, name))
  const script = `#!/bin/sh\nexec '${runtime}' --root '${directory}/root' "$@"\n`
  await writeFile(join(directory, 'runtime'), script, { mode: 0o755 })
}

/**
 * Runs one program to its end, or to its deadline, and removes what it or the runtime left: a container that is still
 * there, its cgroups, bundles. It runs in a mount namespace of its own, for without one in the bundle runc mounts on
 * the host, and leaves it so.
 */
export async function runValidation(name: string, bench: Bench): Promise<ValidationRun> {
  const { directory: cwd, timeoutMs, signal } = bench
  const env = { ...process.env, RUNTIME: join(cwd, 'runtime'), TMPDIR: join(cwd, 'tmp') }
  const args = ['--mount', '--', join(PROGRAMS, name)]
  const run = await runProgram({ command: 'unshare', args, cwd, env, timeoutMs, ...(signal && { signal }) })
  await cleanUp(cwd)
  return {
    points: readPoints(run.output),
    exitCode: run.timedOut ? undefined : (run.exitCode ?? undefined),
    output: run.output,
  }
}

async function cleanUp(directory: string): Promise<void> {
  const runtime = join(directory, 'runtime')
  const ids = (await runCommand(runtime, ['list', '-q'])).split('\n').filter((id) => id !== '')
  for (const id of ids) await runCommand(runtime, ['delete', '--force', id])
  await rm(join(directory, 'tmp'), { recursive: true })
  await mkdir(join(directory, 'tmp'))
  await removeCgroups()
}

/** Names that the suite gives its cgroups. Runtimes make what is above a container's own, and leave it. */
const CGROUPS = ['cgrouptest', 'testdir/cgrouptest/container', 'testdir/cgrouptest', 'testdir']

async function removeCgroups(): Promise<void> {
  const root = '/sys/fs/cgroup'
  const hierarchies = [
    '.',
    ...(await readdir(root, { withFileTypes: true })).filter((one) => one.isDirectory()).map(({ name }) => name),
  ]
  for (const path of hierarchies.flatMap((one) => CGROUPS.map((name) => join(root, one, name)))) {
    await rmdir(path).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOENT') throw error
    })
  }
}
