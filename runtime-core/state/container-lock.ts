// SPDX-License-Identifier: Apache-2.0
import { linkSync, readdirSync, readFileSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errnoOf, GantryError } from '../errors.ts'
import { isRunning, readProcessStat } from './process-stat.ts'

/** Between two looks at a lock somebody holds. */
const LOOK_MS = 5

/**
 * Runs `action` while no other process does so for this directory. Locks are files `lock.N` with their owner's pid and
 * start time: the highest N counts, is free once it is empty or its owner is dead, and is followed by N + 1, which only
 * one can make. So a crash leaves nothing locked, and nobody can break the lock of a living owner by mistake.
 *
 * @throws GantryError `deadline_exceeded` where it is held for longer; `not_found` where the directory is gone.
 */
export async function withLock<T>(directory: string, deadlineMs: number, action: () => Promise<T> | T): Promise<T> {
  const path = await takeLock(directory, deadlineMs)
  try {
    return await action()
  } finally {
    release(path)
  }
}

async function takeLock(directory: string, deadlineMs: number): Promise<string> {
  const end = performance.now() + deadlineMs
  for (;;) {
    const [highest = 0, ...lower] = readLocks(directory)
    if (highest === 0 || isFree(join(directory, `lock.${highest}`))) {
      const path = make(directory, highest + 1)
      if (path !== undefined) {
        for (const number of [highest, ...lower]) if (number > 0) unlink(join(directory, `lock.${number}`))
        return path
      }
    } else if (performance.now() > end) {
      throw new GantryError('deadline_exceeded', {
        action: 'lock container',
        subject: directory,
        reason: `another command has held it for ${deadlineMs} ms`,
      })
    } else await sleep(LOOK_MS)
  }
}

/** Numbers of the locks, highest first. */
function readLocks(directory: string): number[] {
  try {
    return readdirSync(directory)
      .flatMap((name) => /^lock\.(\d+)$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => b - a)
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') throw new GantryError('not_found', { action: 'container does not exist' })
    throw cause
  }
}

function isFree(path: string): boolean {
  let text: string
  try {
    text = readFileSync(path, 'latin1')
  } catch (cause) {
    // Removed by the owner of a higher one: the next look finds that.
    if (errnoOf(cause) === 'ENOENT') return false
    throw cause
  }
  const [pid = 0, startTime = '0'] = text.split(' ')
  return text === '' || !isRunning({ pid: Number(pid), startTime: BigInt(startTime) })
}

/** Whole from its first moment, by link(2); undefined where another was faster. */
function make(directory: string, number: number): string | undefined {
  const path = join(directory, `lock.${number}`)
  const temporary = join(directory, `.lock.${process.pid}`)
  try {
    writeFileSync(temporary, `${process.pid} ${readProcessStat(process.pid)?.startTime ?? 0n}`)
    linkSync(temporary, path)
    return path
  } catch (cause) {
    if (errnoOf(cause) === 'EEXIST') return undefined
    if (errnoOf(cause) === 'ENOENT') throw new GantryError('not_found', { action: 'container does not exist' })
    throw cause
  } finally {
    unlink(temporary)
  }
}

/** The highest file stays, empty: were it removed, who has just looked would make the same number again. */
function release(path: string): void {
  try {
    truncateSync(path)
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT') throw cause
  }
}

function unlink(path: string): void {
  try {
    unlinkSync(path)
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT') throw cause
  }
}
