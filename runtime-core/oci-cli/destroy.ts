// SPDX-License-Identifier: Apache-2.0
import { rmdirSync } from 'node:fs'
import { killCgroup } from '../cgroup/kill.ts'
import { removeCgroup } from '../cgroup/remove.ts'
import { errnoOf, GantryError, messageOf } from '../errors.ts'
import { intelRdtLeftovers } from '../plan/compile/intel-rdt.ts'
import { type ContainerFiles, type ContainerRecord, readRecord, removeRecord } from '../state/container-record.ts'
import { readStatus } from '../state/container-status.ts'
import { isRunning } from '../state/process-stat.ts'
import { openSystemd } from './cgroup.ts'
import { readConfig } from './container.ts'
import { stateText } from './hook-state.ts'
import { readCgroups } from './host.ts'
import { runHook } from './run-hook.ts'

const KILL_DEADLINE_MS = 10_000
const CGROUP_DEADLINE_MS = 2000
/** Between two looks whether a killed process is gone. */
const LOOK_MS = 2

/**
 * Ends what is left of a container and undoes what create has done, poststop hooks last (runtime.md §delete).
 *
 * @param warn For failures that do not keep the container: of poststop hooks.
 * @throws GantryError where a process or a cgroup cannot be ended; the container stays then.
 */
export async function destroyContainer(root: string, id: string, warn: (message: string) => void): Promise<void> {
  const { files, record } = readRecord(root, id)
  await endProcesses(files, record)
  await removeUnit(record)
  await removeCgroup(record.cgroup.leaves, CGROUP_DEADLINE_MS)
  const spec = readConfig(files)
  for (const directory of intelRdtLeftovers(spec, record)) removeClass(directory)
  for (const hook of spec.hooks?.poststop ?? []) {
    const { path } = hook
    await runHook('poststop', hook, stateText(record, 'stopped', 0)).catch((error: unknown) => {
      warn(`poststop hook "${path}": ${messageOf(error)}`)
    })
  }
  removeRecord(files)
}

/** systemd lets go of a scope with its last process; one that is still there, or failed, goes now. */
async function removeUnit({ scopePath }: ContainerRecord): Promise<void> {
  if (scopePath === undefined) return
  await using systemd = await openSystemd(readCgroups())
  await systemd.remove(scopePath)
}

/** The first process and, through its cgroup, all others. */
async function endProcesses(files: ContainerFiles, record: ContainerRecord): Promise<void> {
  const { init } = readStatus(files, record)
  if (!(await killCgroup(record.cgroup, KILL_DEADLINE_MS))) throw notEnding(record.id)
  if (init === undefined) return
  // It may have been moved out of the cgroup, or never have come into it.
  const end = performance.now() + KILL_DEADLINE_MS
  while (isRunning(init)) {
    process.kill(init.pid, 'SIGKILL')
    if (performance.now() > end) throw notEnding(record.id)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}

function notEnding(id: string): GantryError {
  return new GantryError('deadline_exceeded', {
    action: 'kill container',
    subject: id,
    reason: `processes are still there after ${KILL_DEADLINE_MS} ms`,
  })
}

/** A class of service that create made; its monitoring groups go with it. */
function removeClass(directory: string): void {
  try {
    rmdirSync(directory)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}
