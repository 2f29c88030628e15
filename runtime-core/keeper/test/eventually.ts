// SPDX-License-Identifier: Apache-2.0

import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { errnoOf } from '../../errors.ts'

/** Polls until `check` gives something; for what the kernel tells by no event. Fails with `what` at the deadline. */
export async function eventually<T>(what: string, check: () => T | undefined | false, deadlineMs = 60_000): Promise<T> {
  const end = Date.now() + deadlineMs
  for (;;) {
    const result = check()
    if (result !== undefined && result !== false) return result
    if (Date.now() > end) throw new Error(`did not happen in ${deadlineMs} ms: ${what}`)
    await wait(5)
  }
}

/** The promise, or an error at the deadline: a test that waits for what never comes shall fail, not hang. */
export async function within<T>(what: string, promise: Promise<T>, deadlineMs = 60_000): Promise<T> {
  const late = new AbortController()
  const deadline = wait(deadlineMs, undefined, { signal: late.signal }).then(() => {
    throw new Error(`did not happen in ${deadlineMs} ms: ${what}`)
  })
  try {
    return await Promise.race([promise, deadline])
  } finally {
    late.abort()
    deadline.catch(() => undefined)
  }
}

/** A file of /proc/<pid>, undefined where the process is gone. */
export function procFile(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return undefined
    throw error
  }
}

/** A field of /proc/<pid>/status. */
export function statusField(pid: number, field: string): string | undefined {
  const status = procFile(pid, 'status')
  return status === undefined ? undefined : new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(status)?.[1]
}

/** True while the process runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  const state = statusField(pid, 'State')
  return state !== undefined && !state.startsWith('Z') && !state.startsWith('X')
}

export function countDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** Children of a process, zombies too. */
export function childrenOf(pid: number): number[] {
  return (procFile(pid, `task/${pid}/children`) ?? '')
    .split(' ')
    .filter((text) => text !== '')
    .map(Number)
}

/** Memory of a process in KiB, by a field of smaps_rollup. */
export function memoryKiB(pid: number, field: 'Pss' | 'Private_Dirty' | 'Rss'): number {
  const text = procFile(pid, 'smaps_rollup') ?? ''
  return Number(new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN)
}
