// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../../runtime-core/errors.ts'

const MAGIC = Buffer.of(0x28, 0xb5, 0x2f, 0xfd)
const FRAME_MAGIC = 0xfd2fb528
const SKIPPABLE_MAGIC = 0x184d2a50
const DICTIONARY_ID_BYTES: readonly number[] = [0, 1, 2, 4]
const CONTENT_SIZE_BYTES: readonly number[] = [0, 2, 4, 8]

type State = 'magic' | 'skip-size' | 'skip' | 'descriptor' | 'frame-header' | 'block-header' | 'block' | 'checksum'

/**
 * Cuts a zstd stream at the ends of its frames and drops skippable ones (RFC 8878 §3.1). Node's decompressor stops at
 * the end of a frame and ignores what follows in the same write; layers made by parallel or seekable compressors
 * (pzstd, zstd:chunked) have many frames.
 */
export class ZstdFrameSplitter {
  #state: State = 'magic'
  /** Bytes of the current field still to come. */
  #left = 4
  /** The current field as a little-endian number, as far as it is needed. */
  #value = 0
  #shift = 0
  #hasChecksum = false
  #isLastBlock = false

  /** The pieces of `chunk` for the decompressor, one write each. @throws GantryError invalid_argument */
  push(chunk: Buffer): Buffer[] {
    const pieces: Buffer[] = []
    let prefix: Buffer | undefined
    let start = 0
    let at = 0
    while (at < chunk.length) {
      const taken = Math.min(this.#left, chunk.length - at)
      this.#read(chunk, at, taken)
      at += taken
      if (this.#left > 0) break
      const finished = this.#state
      this.#advance()
      // The magic is withheld until it is known not to be a skippable frame's.
      if (finished === 'magic') {
        prefix = this.#state === 'descriptor' ? MAGIC : undefined
        start = at
      } else if (this.#state === 'magic') {
        if (finished !== 'skip' && finished !== 'skip-size') pieces.push(withPrefix(prefix, chunk.subarray(start, at)))
        prefix = undefined
        start = at
      }
    }
    const isWithheld = this.#state === 'magic' || this.#state === 'skip-size' || this.#state === 'skip'
    if (!isWithheld && (start < chunk.length || prefix !== undefined)) {
      pieces.push(withPrefix(prefix, chunk.subarray(start)))
    }
    return pieces
  }

  /** True between frames: the stream may end here. */
  get isComplete(): boolean {
    return this.#state === 'magic' && this.#left === 4
  }

  #read(chunk: Buffer, at: number, count: number): void {
    this.#left -= count
    if (this.#state === 'block' || this.#state === 'skip' || this.#state === 'checksum') return
    for (let i = at; i < at + count && this.#shift < 32; i++, this.#shift += 8) {
      this.#value += (chunk[i] ?? 0) * 2 ** this.#shift
    }
  }

  #advance(): void {
    const value = this.#value
    switch (this.#state) {
      case 'magic':
        if (value === FRAME_MAGIC) this.#expect('descriptor', 1)
        // The last four bits are free: any of sixteen numbers.
        else if (value - (value % 16) === SKIPPABLE_MAGIC) this.#expect('skip-size', 4)
        else
          throw new GantryError('invalid_argument', {
            action: 'inflate zstd',
            reason: 'a frame has a wrong magic number',
          })
        return
      case 'skip-size':
        if (value === 0) this.#expect('magic', 4)
        else this.#expect('skip', value)
        return
      case 'descriptor':
        this.#onDescriptor(value)
        return
      case 'block-header':
        this.#onBlockHeader(value)
        return
      case 'block':
        this.#afterBlock()
        return
      case 'frame-header':
        this.#expect('block-header', 3)
        return
      default:
        this.#expect('magic', 4)
    }
  }

  #onDescriptor(value: number): void {
    const isSingleSegment = (value & 0x20) !== 0
    const sizeFlag = value >> 6
    this.#hasChecksum = (value & 0x04) !== 0
    const window = isSingleSegment ? 0 : 1
    const contentSize = sizeFlag === 0 && isSingleSegment ? 1 : (CONTENT_SIZE_BYTES[sizeFlag] ?? 0)
    const length = window + (DICTIONARY_ID_BYTES[value & 3] ?? 0) + contentSize
    // At least one of window descriptor and content size is there, so the length is never 0.
    this.#expect('frame-header', length)
  }

  #onBlockHeader(value: number): void {
    this.#isLastBlock = (value & 1) === 1
    // A run-length block stores one byte, whatever its size.
    const length = ((value >> 1) & 3) === 1 ? 1 : value >> 3
    if (length === 0) this.#afterBlock()
    else this.#expect('block', length)
  }

  #afterBlock(): void {
    if (!this.#isLastBlock) this.#expect('block-header', 3)
    else if (this.#hasChecksum) this.#expect('checksum', 4)
    else this.#expect('magic', 4)
  }

  #expect(state: State, bytes: number): void {
    this.#state = state
    this.#left = bytes
    this.#value = 0
    this.#shift = 0
  }
}

function withPrefix(prefix: Buffer | undefined, bytes: Buffer): Buffer {
  return prefix === undefined ? bytes : Buffer.concat([prefix, bytes])
}
