// SPDX-License-Identifier: Apache-2.0

import { readdir, rmdir } from 'node:fs/promises'
import { errnoOf, GantryError } from '../errors.ts'
import { isGone, lookUntil, untilEvent } from './watch.ts'

/** A container allowed to make cgroups of its own may have made very many: more than this are left to a next attempt. */
const MAX_NESTED = 10_000

/**
 * Removes cgroups and what a container made below them; nothing else. Missing ones are fine.
 *
 * A cgroup can be removed only after its last process has been reaped and the kernel has let go of it, a moment after
 * the exit is known: hence attempts until the time is up.
 *
 * @param directories the container's own, one a hierarchy (`CgroupPlan.leaves`); never those of its parents
 * @throws GantryError failed_precondition (EBUSY) when processes are still in one after `timeoutMs`.
 */
export async function removeCgroup(directories: readonly string[], timeoutMs = 2000): Promise<void> {
  const removed = await Promise.all(directories.map((directory) => removeTree(directory, timeoutMs)))
  const busy = directories.find((_, n) => removed[n] === false)
  if (busy === undefined) return
  throw new GantryError('failed_precondition', {
    action: 'remove cgroup',
    subject: busy,
    reason: `processes are still in it after ${timeoutMs} ms`,
    errno: 'EBUSY',
  })
}

/** False when it is in use after all. */
async function removeTree(directory: string, timeoutMs: number): Promise<boolean> {
  if (await attempt(directory)) return true
  // v2 and hybrid: the kernel says when the last process is gone. On v1 there is no such file, and it says so at once.
  const empty = await untilEvent(directory, 'populated', '0', timeoutMs)
  return empty && (await lookUntil(() => attempt(directory), timeoutMs))
}

/** True when the directory is no more; false when it is in use. */
async function attempt(directory: string): Promise<boolean> {
  const errno = await tryRmdir(directory)
  if (errno === undefined) return true
  // EBUSY stands for processes and for children alike.
  for (const nested of await nestedOf(directory)) await tryRmdir(nested)
  return (await tryRmdir(directory)) === undefined
}

/** Undefined when it is gone, else the errno that says it is in use. */
async function tryRmdir(directory: string): Promise<string | undefined> {
  try {
    await rmdir(directory)
    return undefined
  } catch (cause) {
    if (isGone(cause)) return undefined
    const errno = errnoOf(cause)
    if (errno === 'EBUSY' || errno === 'ENOTEMPTY') return errno
    throw new GantryError('internal', { action: 'remove cgroup', subject: directory, cause })
  }
}

/** Every cgroup below, deepest first. Not recursive: a container chooses the depth. */
export async function nestedOf(directory: string): Promise<string[]> {
  const found: string[] = []
  for (const parent of walk(directory, found)) {
    const entries = await readdir(parent, { withFileTypes: true }).catch((error: unknown) => {
      if (isGone(error)) return []
      throw error
    })
    for (const entry of entries) {
      if (entry.isDirectory() && found.length < MAX_NESTED) found.push(`${parent}/${entry.name}`)
    }
  }
  return found.reverse()
}

/** The directory itself, then whatever has been found so far, in order: breadth first. */
function* walk(directory: string, found: readonly string[]): Generator<string> {
  yield directory
  for (let next = 0; next < found.length; next++) yield found[next] ?? directory
}
