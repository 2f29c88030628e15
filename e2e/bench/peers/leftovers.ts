// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process'
import { readdir, readFile, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { errnoOf } from '../../../runtime-core/errors.ts'
import { listProcesses } from '../processes.ts'

const run = promisify(execFile)
const GONE_TIMEOUT_MS = 5_000
const POLL_MS = 20

/** Kills the given processes, which must be ours, and waits until they are gone. */
export async function killAll(pids: readonly number[]): Promise<void> {
  for (const pid of pids) kill(pid)
  const deadline = performance.now() + GONE_TIMEOUT_MS
  while ((await anyRuns(pids)) && performance.now() < deadline) await delay(POLL_MS)
}

/** Unmounts everything mounted below `directory`, the last mounted first. */
export async function unmountBelow(directory: string): Promise<void> {
  const table = await readFile('/proc/self/mountinfo', 'utf8')
  const points = table.split('\n').map((line) => (line.split(' ')[4] ?? '').replaceAll('\\040', ' '))
  for (const point of points.filter((path) => path.startsWith(`${directory}/`)).reverse()) {
    await run('umount', ['--lazy', point])
  }
}

/** Removes the cgroup `name` at the top of every hierarchy, with the empty groups in it. */
export async function removeCgroups(name: string): Promise<void> {
  const hierarchies = await readdir('/sys/fs/cgroup', { withFileTypes: true })
  const tops = hierarchies
    .filter((entry) => entry.isDirectory())
    .map((entry) => join('/sys/fs/cgroup', entry.name, name))
  for (const top of [...tops, join('/sys/fs/cgroup', name)]) await removeTree(top)
}

async function removeTree(directory: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => undefined)
  if (entries === undefined) return
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(directory, entry.name))
  await rmdir(directory)
}

/** Removes a network link; one that is not there is no failure. */
export async function removeLink(name: string): Promise<void> {
  await run('ip', ['link', 'delete', name]).catch((error: Error) => {
    if (!/Cannot find device/.test(error.message)) throw error
  })
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}

/** A zombie runs no more: whoever inherited it reaps it in its own time. */
async function anyRuns(pids: readonly number[]): Promise<boolean> {
  const alive = await listProcesses()
  return alive.some(({ pid, executable }) => executable !== '' && pids.includes(pid))
}
