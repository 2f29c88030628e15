// SPDX-License-Identifier: Apache-2.0
import { createWriteStream } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { type LayerEntry, packTar } from '../image/tar.ts'
import type { ReleaseEntry } from './contents.ts'

/** Where entries stand in an archive, and of when they say they are. */
export interface Placement {
  /** The directory that they are put below, with no slash at its ends; empty for the root. */
  readonly under: string
  /** Seconds since the epoch, for each entry. */
  readonly mtime: number
}

/** Entries of a release as those of a tar archive or layer: owned by root, each directory before what is in it. */
export function archiveEntries(entries: readonly ReleaseEntry[], { under, mtime }: Placement): LayerEntry[] {
  const placed = entries.map((entry) => ({ ...entry, path: join(under, entry.path), mtime }))
  const directories = new Set(placed.flatMap(({ path }) => parentsOf(path)))
  const folders = [...directories].map((path) => ({ kind: 'directory', path, mode: 0o755, mtime }) as const)
  return [...folders, ...placed].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
}

function parentsOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1)
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
}

/** How hard gzip tries, 1 to 9: part of what decides the bytes. */
export const LEVEL = 6

/** Writes a gzipped tar archive whose bytes depend on entries and level only; it is there when it is complete. */
export async function writeArchive(entries: readonly LayerEntry[], path: string, level = LEVEL): Promise<void> {
  const unfinished = `${path}.new`
  await pipeline(Readable.from(packTar(entries)), createGzip({ level }), createWriteStream(unfinished))
  await rename(unfinished, path)
}
