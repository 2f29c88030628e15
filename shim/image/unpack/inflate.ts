// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events'
import type { Transform, TransformOptions } from 'node:stream'
import { createGunzip, createZstdDecompress, type ZlibOptions, type ZstdOptions, constants as zlib } from 'node:zlib'
import { GantryError } from '../../../runtime-core/errors.ts'
import { ZstdFrameSplitter } from './zstd-frames.ts'

/** Bytes the decompressor makes at a time. */
const CHUNK_BYTES = 256 * 1024
/** Compressed bytes held, so that the decompressor need not wait for the event loop to bring the next. */
const WRITE_AHEAD_BYTES = 1024 * 1024
/** Decompressed chunks held while the writer is busy. */
const QUEUE_LIMIT = 8
/** What zstd itself allows by default: 128 MiB of window. */
const ZSTD_WINDOW_LOG_MAX = 27
const SNIFF_BYTES = 4

/** How a layer blob is compressed, judged by its first bytes: media types are known to lie. */
export type Compression = 'none' | 'gzip' | 'zstd'

/** The compression that the first bytes (at least four, if there are so many) tell of. */
export function sniff(head: Buffer): Compression {
  if (head.length >= 2 && head[0] === 0x1f && head[1] === 0x8b) return 'gzip'
  if (head.length < SNIFF_BYTES) return 'none'
  const magic = head.readUInt32LE(0)
  return magic === 0xfd2fb528 || (magic & 0xfffffff0) === 0x184d2a50 ? 'zstd' : 'none'
}

/**
 * Decompresses a stream of unknown compression. The work is done on libuv's threads; `consume` runs on the main thread
 * while the next chunk is being made.
 */
export class Inflater {
  readonly #consume: (bytes: Buffer) => void
  #head: Buffer[] = []
  #headBytes = 0
  #engine: Engine | undefined
  #isPlain = false

  /** @param consume takes decompressed bytes in order; what it throws ends the stream */
  constructor(consume: (bytes: Buffer) => void) {
    this.#consume = consume
  }

  /** Take compressed bytes; resolves when more are welcome. @throws GantryError invalid_argument, or what `consume` threw */
  async write(chunk: Buffer): Promise<void> {
    if (this.#isPlain) this.#consume(chunk)
    else if (this.#engine !== undefined) await this.#engine.write(chunk)
    else {
      this.#head.push(chunk)
      this.#headBytes += chunk.length
      if (this.#headBytes >= SNIFF_BYTES) await this.#open()
    }
  }

  /** Say that no more bytes come; resolves when all has been consumed. @throws as `write` */
  async end(): Promise<void> {
    if (this.#engine === undefined && !this.#isPlain) await this.#open()
    await this.#engine?.end()
  }

  /** Give up. */
  destroy(): void {
    this.#engine?.destroy()
  }

  async #open(): Promise<void> {
    const head = Buffer.concat(this.#head)
    this.#head = []
    const compression = sniff(head)
    if (compression === 'none') {
      this.#isPlain = true
      if (head.length > 0) this.#consume(head)
      return
    }
    this.#engine = new Engine(compression, this.#consume)
    await this.#engine.write(head)
  }
}

class Engine {
  readonly #stream: Transform
  readonly #frames: ZstdFrameSplitter | undefined
  readonly #consume: (bytes: Buffer) => void
  readonly #compression: Compression
  readonly #queue: Buffer[] = []
  readonly #finished: Promise<unknown>
  #isScheduled = false
  #error: unknown
  #isConsumerError = false

  constructor(compression: 'gzip' | 'zstd', consume: (bytes: Buffer) => void) {
    this.#compression = compression
    this.#consume = consume
    this.#frames = compression === 'zstd' ? new ZstdFrameSplitter() : undefined
    this.#stream = openStream(compression)
    this.#stream.on('data', (bytes: Buffer) => this.#enqueue(bytes))
    this.#stream.on('error', (error) => {
      this.#error ??= error
    })
    this.#finished = once(this.#stream, 'end').catch((error) => {
      this.#error ??= error
    })
  }

  async write(chunk: Buffer): Promise<void> {
    const pieces = this.#frames === undefined ? [chunk] : this.#frames.push(chunk)
    for (const piece of pieces) {
      this.#throwError()
      if (!this.#stream.write(piece))
        await once(this.#stream, 'drain').catch((error) => {
          this.#error ??= error
        })
    }
    this.#throwError()
  }

  async end(): Promise<void> {
    if (this.#frames?.isComplete === false) {
      this.destroy()
      throw new GantryError('invalid_argument', { action: 'inflate zstd', reason: 'the stream is truncated' })
    }
    this.#stream.end()
    await this.#finished
    while (this.#queue.length > 0) this.#consumeOne()
    this.#throwError()
  }

  destroy(): void {
    this.#queue.length = 0
    this.#stream.destroy()
  }

  // Consuming at once would keep the decompressor idle: it starts the next chunk only when this call returns.
  #enqueue(bytes: Buffer): void {
    this.#queue.push(bytes)
    if (this.#queue.length >= QUEUE_LIMIT) this.#stream.pause()
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled || this.#queue.length === 0) return
    this.#isScheduled = true
    // One chunk a turn of the event loop: between two, the decompressor is given its next work.
    setImmediate(() => {
      this.#isScheduled = false
      this.#consumeOne()
      if (this.#stream.isPaused() && this.#queue.length < QUEUE_LIMIT) this.#stream.resume()
      this.#schedule()
    })
  }

  #consumeOne(): void {
    const bytes = this.#queue.shift()
    if (bytes === undefined || this.#error !== undefined) return
    try {
      this.#consume(bytes)
    } catch (error) {
      this.#error = error
      this.#isConsumerError = true
      this.#queue.length = 0
      // Wakes a writer that waits for room.
      this.#stream.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #throwError(): void {
    if (this.#error === undefined) return
    if (this.#isConsumerError || this.#error instanceof GantryError) throw this.#error
    throw new GantryError('invalid_argument', { action: `inflate ${this.#compression}`, cause: this.#error })
  }
}

function openStream(compression: 'gzip' | 'zstd'): Transform {
  const options: ZlibOptions & ZstdOptions & TransformOptions = {
    chunkSize: CHUNK_BYTES,
    writableHighWaterMark: WRITE_AHEAD_BYTES,
  }
  if (compression === 'gzip') return createGunzip(options)
  return createZstdDecompress({ ...options, params: { [zlib.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX } })
}
