// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../../runtime-core/errors.ts'

/** What the daemon says to an unpacking child: a type, a length (32 bits, little-endian), a payload. */
export const FRAME = {
  /** Begin a layer; payload: JSON of `Job`. */
  job: 1,
  /** Bytes of the layer's blob. */
  data: 2,
  /** The blob is complete. */
  end: 3,
} as const

export const FRAME_HEADER_BYTES = 5
/** Larger pieces are cut; it bounds what the child buffers. */
export const FRAME_LIMIT = 4 * 1024 * 1024

export interface Job {
  /** Directory to make for the layer, one component. */
  readonly name: string
  /** Of the diff id to be computed. */
  readonly algorithm: string
  readonly limitBytes: number
  readonly limitEntries: number
}

/** What the child answers, one line of JSON each. */
export type Reply =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'unpacked'
      /** Digest of the tar stream. */
      readonly diffId: string
      readonly bytes: number
      readonly inodes: number
      /** Byte strings: directories no member described. */
      readonly implicit: readonly string[]
    }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly errno: string | undefined }

/** The header of a frame. */
export function frameHeader(type: number, length: number): Buffer {
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES)
  header.writeUInt8(type, 0)
  header.writeUInt32LE(length, 1)
  return header
}

/** Cuts the daemon's stream into frames. Data is handed on in pieces as it comes, the rest whole. */
export class FrameReader {
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES)
  #headerFilled = 0
  #left = 0
  #parts: Buffer[] = []

  /** The frames, or pieces of data frames, that `chunk` completes. @throws GantryError internal */
  push(chunk: Buffer): { readonly type: number; readonly payload: Buffer }[] {
    const frames: { type: number; payload: Buffer }[] = []
    let at = 0
    while (at < chunk.length || this.#isEmptyFrame()) {
      if (this.#headerFilled < FRAME_HEADER_BYTES) {
        const taken = chunk.copy(this.#header, this.#headerFilled, at)
        this.#headerFilled += taken
        at += taken
        if (this.#headerFilled === FRAME_HEADER_BYTES) this.#left = this.#header.readUInt32LE(1)
        if (this.#left > FRAME_LIMIT) throw new GantryError('internal', { action: 'read frame', reason: 'too long' })
        continue
      }
      const piece = chunk.subarray(at, at + this.#left)
      at += piece.length
      this.#left -= piece.length
      const type = this.#header.readUInt8(0)
      if (type === FRAME.data) frames.push({ type, payload: piece })
      else this.#parts.push(piece)
      if (this.#left > 0) continue
      if (type !== FRAME.data) frames.push({ type, payload: Buffer.concat(this.#parts) })
      this.#parts = []
      this.#headerFilled = 0
    }
    return frames
  }

  #isEmptyFrame(): boolean {
    return this.#headerFilled === FRAME_HEADER_BYTES && this.#left === 0
  }
}
