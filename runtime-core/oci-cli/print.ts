// SPDX-License-Identifier: Apache-2.0
import { writeSync } from 'node:fs'
import { errnoOf } from '../errors.ts'

/** Writes to standard output; without Node's stream, whose making takes longer than most commands. */
export function print(text: string): void {
  write(1, text)
}

/** Writes to standard error. */
export function printError(text: string): void {
  write(2, text)
}

function write(fd: 1 | 2, text: string): void {
  const bytes = Buffer.from(text, 'utf8')
  let written = 0
  try {
    while (written < bytes.length) written += writeSync(fd, bytes, written)
  } catch (cause) {
    // A pipe that the caller has set to non-blocking is full: the stream waits for it.
    if (errnoOf(cause) !== 'EAGAIN') throw cause
    const stream = fd === 1 ? process.stdout : process.stderr
    stream.write(bytes.subarray(written))
  }
}
