// SPDX-License-Identifier: Apache-2.0

import { readFile, writeFile } from 'node:fs/promises'
import { errnoOf, GantryError } from '../errors.ts'
import type { CgroupPlan } from './plan.ts'
import { nestedOf } from './remove.ts'
import { isGone, lookUntil, untilEvent } from './watch.ts'

/** Sends SIGKILL to a process; `process.kill` outside of tests. */
export type SendSignal = (pid: number, signal: 'SIGKILL') => void

/**
 * Kills every process of a container and waits until none is left; false when some remain after `timeoutMs`
 * (uninterruptible sleep, or zombies nobody reaps).
 *
 * By cgroup.kill, which no fork escapes, where the kernel has it (5.14), else by looking for processes again and again:
 * one that forks between two looks is found in the next.
 */
export async function killCgroup(
  plan: Pick<CgroupPlan, 'killFile' | 'procsFile' | 'freezer'>,
  timeoutMs: number,
  send: SendSignal = process.kill,
): Promise<boolean> {
  const directory = parentOf(plan.procsFile)
  if (plan.killFile !== undefined && (await writeKill(plan.killFile))) {
    return await untilEvent(parentOf(plan.killFile), 'populated', '0', timeoutMs)
  }
  return await lookUntil(async () => {
    const pids = await processesOf(directory)
    for (const pid of pids) signal(pid, send)
    if (pids.length > 0 && plan.freezer?.version === 1) await thawV1(plan.freezer.directory)
    return pids.length === 0
  }, timeoutMs)
}

/**
 * The processes of a cgroup and of those below it. Bounded by the node's pid_max.
 *
 * @param directory of one hierarchy
 */
export async function processesOf(directory: string): Promise<number[]> {
  const pids = new Set<number>()
  for (const cgroup of [directory, ...(await nestedOf(directory))]) {
    const text = await readFile(`${cgroup}/cgroup.procs`, 'utf8').catch((error: unknown) => {
      // EOPNOTSUPP: a threaded cgroup, whose processes are listed above it.
      if (isGone(error) || errnoOf(error) === 'EOPNOTSUPP') return ''
      throw error
    })
    // 0 stands for a process of another PID namespace than ours, and would address our own group.
    for (const line of text.split('\n')) if (Number(line) > 0) pids.add(Number(line))
  }
  return [...pids]
}

/** False where the kernel has no such file; a cgroup that is gone holds no process and counts as killed. */
async function writeKill(path: string): Promise<boolean> {
  try {
    await writeFile(path, '1', { flag: 'r+' })
    return true
  } catch (cause) {
    if (isGone(cause)) return false
    throw new GantryError('internal', { action: 'kill cgroup', subject: path, cause })
  }
}

/** A process frozen by v1 dies only once it is thawed; the signal is there before it takes another step. */
async function thawV1(directory: string): Promise<void> {
  await writeFile(`${directory}/freezer.state`, 'THAWED', { flag: 'r+' }).catch((cause: unknown) => {
    if (isGone(cause)) return
    throw new GantryError('internal', { action: 'thaw cgroup', subject: directory, cause })
  })
}

function signal(pid: number, send: SendSignal): void {
  try {
    send(pid, 'SIGKILL')
  } catch (cause) {
    if (errnoOf(cause) === 'ESRCH') return
    throw new GantryError('internal', { action: 'kill process', subject: String(pid), cause })
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}
