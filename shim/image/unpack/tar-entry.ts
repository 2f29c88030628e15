// SPDX-License-Identifier: Apache-2.0
import type { Extent } from './sparse.ts'

export type EntryKind = 'file' | 'hardlink' | 'symlink' | 'char' | 'block' | 'dir' | 'fifo'

/** One member of a tar archive, extensions applied. Names are byte strings (latin1), not yet judged. */
export interface TarEntry {
  readonly kind: EntryKind
  readonly path: string
  readonly linkPath: string
  /** Permission bits with set-id and sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Size of the file that results, bytes. */
  readonly size: number
  /** Seconds and nanoseconds. */
  readonly mtime: readonly [number, number]
  readonly major: number
  readonly minor: number
  readonly xattrs: readonly (readonly [name: string, value: Buffer])[]
  /** Where the data delivered belongs, for a sparse file. */
  readonly extents: readonly Extent[] | undefined
}

/** Receives the members in order: begin, data in pieces (valid only during the call), end. */
export interface TarSink {
  begin(entry: TarEntry): void
  data(bytes: Buffer): void
  end(): void
}

/** A byte string made safe for a message. */
export function printable(text: string): string {
  return JSON.stringify(Buffer.from(text.slice(0, 256), 'latin1').toString('utf8'))
}
