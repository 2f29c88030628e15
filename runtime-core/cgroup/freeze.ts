// SPDX-License-Identifier: Apache-2.0

import { readFile, writeFile } from 'node:fs/promises'
import { GantryError } from '../errors.ts'
import type { CgroupFreezer, CgroupPlan } from './plan.ts'
import { isGone, lookUntil, readKey, untilEvent } from './watch.ts'

/**
 * Stops every process of a container where it is, and waits until all are stopped. If not all are after `timeoutMs`,
 * the container is resumed before the error is thrown: never half frozen.
 *
 * @throws GantryError deadline_exceeded; not_found when the cgroup is gone; unimplemented without a freezer.
 */
export async function freezeCgroup(plan: Pick<CgroupPlan, 'freezer'>, timeoutMs = 2000): Promise<void> {
  const freezer = freezerOf(plan, 'freeze cgroup')
  if (await set(freezer, true, timeoutMs)) return
  const cleanup: unknown[] = []
  await set(freezer, false, timeoutMs).catch((error: unknown) => cleanup.push(error))
  throw new GantryError('deadline_exceeded', {
    action: 'freeze cgroup',
    subject: freezer.directory,
    reason: `some processes did not stop within ${timeoutMs} ms`,
    cleanup,
  })
}

/** Resumes every process. */
export async function thawCgroup(plan: Pick<CgroupPlan, 'freezer'>, timeoutMs = 2000): Promise<void> {
  const freezer = freezerOf(plan, 'thaw cgroup')
  if (await set(freezer, false, timeoutMs)) return
  throw new GantryError('deadline_exceeded', { action: 'thaw cgroup', subject: freezer.directory })
}

/** Whether the container is frozen; false when its cgroup is gone. */
export async function isFrozen(plan: Pick<CgroupPlan, 'freezer'>): Promise<boolean> {
  if (plan.freezer === undefined) return false
  const { version, directory } = plan.freezer
  if (version === 2) return (await readKey(`${directory}/cgroup.events`, 'frozen')) === '1'
  return (await readState(directory)) === 'FROZEN'
}

function freezerOf({ freezer }: Pick<CgroupPlan, 'freezer'>, action: string): CgroupFreezer {
  if (freezer !== undefined) return freezer
  throw new GantryError('unimplemented', { action, reason: 'this host has no freezer controller' })
}

async function set({ version, directory }: CgroupFreezer, frozen: boolean, timeoutMs: number): Promise<boolean> {
  if (version === 2) {
    await write(`${directory}/cgroup.freeze`, frozen ? '1' : '0')
    return await untilEvent(directory, 'frozen', frozen ? '1' : '0', timeoutMs)
  }
  const wanted = frozen ? 'FROZEN' : 'THAWED'
  return await lookUntil(async () => {
    // Written anew at every look: on v1 a process that forks or is traced can keep the state at FREEZING for good.
    await write(`${directory}/freezer.state`, wanted)
    return (await readState(directory)) === wanted
  }, timeoutMs)
}

async function readState(directory: string): Promise<string> {
  try {
    return (await readFile(`${directory}/freezer.state`, 'utf8')).trim()
  } catch (error) {
    if (isGone(error)) return 'THAWED'
    throw error
  }
}

async function write(path: string, value: string): Promise<void> {
  try {
    await writeFile(path, value, { flag: 'r+' })
  } catch (cause) {
    throw new GantryError(isGone(cause) ? 'not_found' : 'internal', {
      action: 'write cgroup file',
      subject: path,
      cause,
    })
  }
}
