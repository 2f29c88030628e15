// SPDX-License-Identifier: Apache-2.0

import { closeSync, openSync, readSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { errnoOf, GantryError } from '../errors.ts'
import type { CgroupHost } from './detect.ts'
import type { CgroupStats } from './figures.ts'
import { normalizeCgroupsPath } from './path.ts'
import type { ReadText } from './stats-parse.ts'
import { readV1Stats } from './stats-v1.ts'
import { readV2Stats } from './stats-v2.ts'

export type * from './figures.ts'

/**
 * Reads a cgroup's figures, units as in CRI (cri-semantics §8). A dozen small reads at once, none of which waits for a
 * disk; each file is read to at most 64 KiB.
 *
 * @throws GantryError not_found when the cgroup does not exist.
 */
export async function readCgroupStats(host: CgroupHost, cgroupsPath: string): Promise<CgroupStats> {
  const stats = await readWith(readText, host, cgroupsPath)
  if (stats !== undefined) return stats
  throw new GantryError('not_found', { action: 'read cgroup', subject: cgroupsPath })
}

/** A slice of reading after which the event loop gets its turn. */
const SLICE_MS = 4

/**
 * The figures of many cgroups; those that are gone are left out. Files are read on the main thread, for nothing in a
 * cgroup waits for a device, and it takes 0.2 ms a cgroup where the thread pool takes three times that of both cores;
 * the event loop gets its turn every few milliseconds.
 */
export async function readAllCgroupStats(
  host: CgroupHost,
  cgroupsPaths: Iterable<string>,
): Promise<Map<string, CgroupStats>> {
  const found = new Map<string, CgroupStats>()
  const buffer = Buffer.allocUnsafe(MAX_FILE_BYTES)
  const read: ReadText = async (path) => readTextNow(path, buffer)
  let sliceEnd = performance.now() + SLICE_MS
  for (const cgroupsPath of cgroupsPaths) {
    const stats = await readWith(read, host, cgroupsPath)
    if (stats !== undefined) found.set(cgroupsPath, stats)
    if (performance.now() < sliceEnd) continue
    await setImmediate()
    sliceEnd = performance.now() + SLICE_MS
  }
  return found
}

function readWith(read: ReadText, host: CgroupHost, cgroupsPath: string): Promise<CgroupStats | undefined> {
  const path = normalizeCgroupsPath(cgroupsPath)
  return host.mode === 'v2'
    ? readV2Stats(`${host.unifiedMount ?? '/sys/fs/cgroup'}${path}`, read)
    : readV1Stats(host, path, read)
}

/** How many processes of a container the OOM killer has taken; 0 where there is no telling. */
export async function readOomKills(oomFile: string | undefined): Promise<number> {
  const text = oomFile === undefined ? undefined : await readText(oomFile)
  const [, count = '0'] = /^oom_kill (\d+)$/m.exec(text ?? '') ?? []
  return Number(count)
}

const MAX_FILE_BYTES = 64 * 1024

/** The text of a cgroup file; undefined when it, or the feature behind it (PSI turned off: EOPNOTSUPP), does not exist. */
async function readText(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path)
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(MAX_FILE_BYTES), 0, MAX_FILE_BYTES, 0)
    return buffer.toString('latin1', 0, bytesRead)
  } catch (cause) {
    return absent(path, cause)
  }
}

function readTextNow(path: string, buffer: Buffer): string | undefined {
  try {
    const fd = openSync(path, 'r')
    try {
      return buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, 0))
    } finally {
      closeSync(fd)
    }
  } catch (cause) {
    return absent(path, cause)
  }
}

function absent(path: string, cause: unknown): undefined {
  const errno = errnoOf(cause)
  if (errno === 'ENOENT' || errno === 'ENODEV' || errno === 'EOPNOTSUPP') return undefined
  throw new GantryError('internal', { action: 'read cgroup file', subject: path, cause })
}
