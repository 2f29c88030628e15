// SPDX-License-Identifier: Apache-2.0
import { constants, createInflate, type Inflate } from 'node:zlib'
import { DICTIONARY, DICTIONARY_ADLER32 } from './dictionary.ts'
import { MAX_CONTROL_BYTES, violation } from './frames.ts'

/** Bounds of a header block when decompressed. */
const MAX_BLOCK_BYTES = MAX_CONTROL_BYTES
const MAX_PAIRS = 100

/** Header names, lower case, with their values. */
export type Headers = ReadonlyMap<string, string>

/**
 * Reads the header blocks of one direction of a session (§2.6.10): one zlib stream over all of them, so they must come in
 * the order of the wire, one after the other.
 */
export class HeaderReader {
  readonly #inflate: Inflate
  #out: Buffer[] = []
  #size = 0
  #failed: ((error: Error) => void) | undefined

  constructor() {
    this.#inflate = createInflate({ dictionary: DICTIONARY, flush: constants.Z_SYNC_FLUSH, chunkSize: 4096 })
    this.#inflate.on('readable', () => this.#drain())
    this.#inflate.on('error', (error) => this.#failed?.(error))
  }

  /**
   * Decompresses and decodes the next block.
   *
   * @throws GantryError `invalid_argument` for what is no header block, or one beyond its bounds.
   */
  async read(block: Buffer): Promise<Headers> {
    this.#out = []
    this.#size = 0
    await new Promise<void>((resolve, reject) => {
      this.#failed = (error) => reject(violation(`a header block that is not to be read: ${error.message}`))
      this.#inflate.write(block, (error) => {
        this.#drain()
        if (error) reject(violation(`a header block that is not to be read: ${error.message}`))
        else resolve()
      })
    })
    this.#failed = undefined
    return decodeHeaders(Buffer.concat(this.#out))
  }

  close(): void {
    this.#inflate.destroy()
  }

  #drain(): void {
    for (let piece = this.#inflate.read(); piece !== null; piece = this.#inflate.read()) {
      this.#size += piece.length
      if (this.#size > MAX_BLOCK_BYTES) {
        this.#failed?.(new Error('it is too large'))
        this.#inflate.destroy()
        return
      }
      this.#out.push(piece)
    }
  }
}

/** {u32 pairs} then for each {u32 length}{name}{u32 length}{value}. */
function decodeHeaders(bytes: Buffer): Headers {
  const headers = new Map<string, string>()
  let at = 0
  const number = (): number => {
    if (bytes.length - at < 4) throw violation('a header block that is cut short')
    at += 4
    return bytes.readUInt32BE(at - 4)
  }
  const text = (): string => {
    const length = number()
    if (bytes.length - at < length) throw violation('a header block that is cut short')
    at += length
    return bytes.toString('utf8', at - length, at)
  }
  const pairs = number()
  if (pairs > MAX_PAIRS) throw violation(`a header block of ${pairs} pairs`)
  for (let i = 0; i < pairs; i++) {
    const name = text().toLowerCase()
    if (name === '' || headers.has(name)) throw violation(`header ${JSON.stringify(name)} empty or twice`)
    headers.set(name, text())
  }
  if (at !== bytes.length) throw violation('a header block with something behind its end')
  return headers
}

/** zlib's own head: deflate with a 32 KiB window, a preset dictionary named by its checksum (RFC 1950 §2.2). */
const ZLIB_HEAD = Buffer.of(0x78, 0xbb, ...uint32(DICTIONARY_ADLER32))

/** An empty stored block: what a sync flush ends with, and by which readers know that there is no more to wait for. */
const SYNC_FLUSH = Buffer.of(0, 0, 0, 0xff, 0xff)

/**
 * Writes the header blocks of one direction. What a server says in them is nothing, so nothing is compressed: deflate's
 * stored blocks (RFC 1951 §3.2.4) end on whole bytes and need no state but the head of the first.
 */
export class HeaderWriter {
  #first = true

  /** One block, as it goes into a frame. @param headers Names in lower case. */
  write(headers: Headers): Buffer {
    const parts = [...headers].flatMap(([name, value]) => [name, value].map(lengthAndText))
    const plain = Buffer.concat([Buffer.of(...uint32(headers.size)), ...parts])
    const stored = Buffer.alloc(5)
    stored.writeUInt16LE(plain.length, 1)
    stored.writeUInt16LE(~plain.length & 0xffff, 3)
    const head = this.#first ? ZLIB_HEAD : Buffer.alloc(0)
    this.#first = false
    return Buffer.concat([head, stored, plain, SYNC_FLUSH])
  }
}

function lengthAndText(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8')
  return Buffer.concat([Buffer.of(...uint32(bytes.length)), bytes])
}

function uint32(value: number): [number, number, number, number] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]
}
