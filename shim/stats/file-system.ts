// SPDX-License-Identifier: Apache-2.0

import { readFile, statfs } from 'node:fs/promises'
import { mountHolding, parseMountInfo } from '../../runtime-core/kernel/mountinfo.ts'

/** The file system that writable layers lie on. */
export interface FileSystemFigures {
  /** Nanoseconds since 1970. */
  readonly timestampNs: bigint
  /** What is mounted: `/dev/sda1`. */
  readonly device: string
  readonly sizeBytes: bigint
  readonly inodes: bigint
  readonly freeInodes: bigint
}

const MAX_AGE_NS = 10_000_000_000n

/** Asks for the size of a file system beside the answers: on a dead disk the question hangs, and they do not. */
export class FileSystemReader {
  readonly #directory: string
  readonly #now: () => bigint
  readonly #onError: (error: unknown) => void
  #known: FileSystemFigures | undefined
  #asking: Promise<void> | undefined

  /** @param now Nanoseconds since 1970. */
  constructor(directory: string, now: () => bigint, onError: (error: unknown) => void) {
    this.#directory = directory
    this.#now = now
    this.#onError = onError
  }

  /** The last answer, which is renewed in the background when it is old; undefined until there is one. */
  last(): FileSystemFigures | undefined {
    const age = this.#now() - (this.#known?.timestampNs ?? 0n)
    if (age > MAX_AGE_NS && this.#asking === undefined) {
      this.#asking = this.#ask()
        .catch(this.#onError)
        .finally(() => {
          this.#asking = undefined
        })
    }
    return this.#known
  }

  async #ask(): Promise<void> {
    const { blocks, bsize, files, ffree } = await statfs(this.#directory, { bigint: true })
    const device = this.#known?.device ?? deviceOf(await readFile('/proc/self/mountinfo', 'utf8'), this.#directory)
    this.#known = { timestampNs: this.#now(), device, sizeBytes: blocks * bsize, inodes: files, freeInodes: ffree }
  }
}

/** What is mounted where a directory lies: the longest mount point above it, the last one mounted there. */
export function deviceOf(mountinfo: string, directory: string): string {
  return mountHolding(parseMountInfo(mountinfo), directory)?.source ?? ''
}
