// SPDX-License-Identifier: Apache-2.0

import { watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { errnoOf } from '../errors.ts'

/** Between two looks where no event tells: doubling from the first to the last. */
const FIRST_LOOK_MS = 1
const LAST_LOOK_MS = 50

/**
 * Looks until `done` says so or time is up; whether it did. For what no event announces, or events of which may be
 * missed: `wake` (a promise a look) cuts a wait short.
 */
export async function lookUntil(
  done: () => Promise<boolean>,
  timeoutMs: number,
  wake?: () => Promise<unknown>,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(waitMs * 2, LAST_LOOK_MS)) {
    // Asked for before the look, so that what happens during it is not missed.
    const woken = wake?.()
    if (await done()) return true
    const leftMs = deadline - performance.now()
    if (leftMs <= 0) return false
    const pause = new AbortController()
    const paused = sleep(Math.min(waitMs, leftMs), undefined, { signal: pause.signal }).catch(ignoreAbort)
    await (woken === undefined ? paused : Promise.race([paused, woken]))
    pause.abort()
  }
}

/**
 * The value of a key in a v2 cgroup.events file (`populated`, `frozen`) becomes `value` within the time: true. The
 * kernel tells of changes by inotify; looking now and then covers one between a look and the watch. A cgroup that is
 * gone is neither populated nor frozen.
 */
export async function untilEvent(
  directory: string,
  key: 'populated' | 'frozen',
  value: '0' | '1',
  timeoutMs: number,
): Promise<boolean> {
  const path = `${directory}/cgroup.events`
  const reached = async (): Promise<boolean> => (await readKey(path, key)) === value
  if (await reached()) return true
  const changes = watchFile(path)
  try {
    return await lookUntil(reached, timeoutMs, changes.next)
  } finally {
    changes.close()
  }
}

/** The value of `key` in a file of `key value` lines; "0" when the file is gone. */
export async function readKey(path: string, key: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (isGone(error)) return `${key} 0`
    throw error
  })
  return new RegExp(`^${key} (\\d+)$`, 'm').exec(text)?.[1]
}

/** The cgroup, or the process, is no more: files of a removed cgroup answer ENODEV. */
export function isGone(error: unknown): boolean {
  const errno = errnoOf(error)
  return errno === 'ENOENT' || errno === 'ENODEV'
}

function watchFile(path: string): { next: () => Promise<void>; close: () => void } {
  let changed = Promise.withResolvers<void>()
  try {
    const watcher = watch(path, () => {
      changed.resolve()
      changed = Promise.withResolvers<void>()
    })
    // Removed meanwhile, or no inotify instance left: looking goes on.
    watcher.on('error', () => changed.resolve())
    return { next: () => changed.promise, close: () => watcher.close() }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return { next: () => new Promise<never>(() => undefined), close: () => undefined }
  }
}

function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error) || error.name !== 'AbortError') throw error
}
