// SPDX-License-Identifier: Apache-2.0
import type { Readable } from 'node:stream'
import { gunzipSync, inflateSync } from 'node:zlib'
import { GantryError } from '../../runtime-core/errors.ts'

/** What CRI-O takes, the larger of the peers: what is passed on must not be refused here first. */
export const MAX_RAW_BYTES = 80 * 1024 * 1024

/** gRPC over HTTP/2, "Length-Prefixed-Message": one byte that says "compressed", four of length, then the message. */
const PREFIX_BYTES = 5

/** Names and values in turn, as Node gives and takes the headers of HTTP/2 when nothing of them may be lost. */
export type RawHeaders = readonly string[]

/** An encoded message as it goes over the wire, not compressed. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + message.length)
  framed[0] = 0
  framed.writeUInt32BE(message.length, 1)
  framed.set(message, PREFIX_BYTES)
  return framed
}

/** A message with what it was sent as. */
export interface RawMessage {
  readonly isCompressed: boolean
  readonly bytes: Buffer
}

/** Puts messages together from the pieces in which they come. */
export class Unframer {
  #pieces: Buffer[] = []
  #length = 0

  push(piece: Buffer): void {
    this.#pieces.push(piece)
    this.#length += piece.length
  }

  /** The next message that is there whole. @throws GantryError `resource_exhausted` for one that is too large. */
  next(): RawMessage | undefined {
    if (this.#length < PREFIX_BYTES) return undefined
    const all = this.#joined()
    const end = PREFIX_BYTES + all.readUInt32BE(1)
    if (end > PREFIX_BYTES + MAX_RAW_BYTES) throw tooLarge(end - PREFIX_BYTES)
    if (this.#length < end) return undefined
    this.#pieces = [all.subarray(end)]
    this.#length -= end
    return { isCompressed: all[0] !== 0, bytes: all.subarray(PREFIX_BYTES, end) }
  }

  /** Joined once a message is surely or possibly whole: a large one is not copied at every piece. */
  #joined(): Buffer {
    const [first] = this.#pieces
    if (first !== undefined && first.length >= PREFIX_BYTES) {
      const missing = PREFIX_BYTES + first.readUInt32BE(1) - this.#length
      if (missing > 0 || this.#pieces.length === 1) return first
    }
    const all = Buffer.concat(this.#pieces)
    this.#pieces = [all]
    return all
  }
}

/** The first message of a stream, with all that was read for it; the stream stands still then, to be read on. */
export interface FirstMessage {
  /** Undefined where the stream ended before. */
  readonly message: RawMessage | undefined
  readonly read: readonly Buffer[]
}

/** @throws GantryError `resource_exhausted`; `cancelled` where the stream was given up. */
export function readFirst(stream: Readable): Promise<FirstMessage> {
  const unframer = new Unframer()
  const read: Buffer[] = []
  const { promise, resolve, reject } = Promise.withResolvers<FirstMessage>()
  const onData = (piece: Buffer): void => {
    read.push(piece)
    unframer.push(piece)
    try {
      const message = unframer.next()
      if (message !== undefined) resolve({ message, read })
    } catch (error) {
      reject(error)
    }
  }
  const onEnd = (): void => resolve({ message: undefined, read })
  const onClose = (): void =>
    reject(new GantryError('cancelled', { action: 'read request', reason: 'it was given up' }))
  stream.on('data', onData).once('end', onEnd).once('close', onClose)
  return promise.finally(() => {
    stream.pause()
    stream.off('data', onData).off('end', onEnd).off('close', onClose)
  })
}

/**
 * The bytes of a message as they were before compression.
 *
 * @param encoding `grpc-encoding` of the stream
 * @throws GantryError `unimplemented` for a compression we do not know; `invalid_argument` for damaged data
 */
export function plain({ isCompressed, bytes }: RawMessage, encoding: string): Buffer {
  if (!isCompressed) return bytes
  const inflate = encoding === 'gzip' ? gunzipSync : encoding === 'deflate' ? inflateSync : undefined
  if (inflate === undefined) {
    throw new GantryError('unimplemented', { action: 'read message', reason: `grpc-encoding "${encoding}"` })
  }
  try {
    return inflate(bytes, { maxOutputLength: MAX_RAW_BYTES })
  } catch (cause) {
    throw new GantryError('invalid_argument', { action: 'read message', reason: `grpc-encoding "${encoding}"`, cause })
  }
}

/** The value of a header by its name in lower case; the first where it is there more than once. */
export function header(headers: RawHeaders, name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === name) return headers[at + 1]
  return undefined
}

/** The headers but those that are named. */
export function without(headers: RawHeaders, ...names: readonly string[]): string[] {
  const kept: string[] = []
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const [name = '', value = ''] = [headers[at], headers[at + 1]]
    if (!names.includes(name)) kept.push(name, value)
  }
  return kept
}

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

/** `grpc-timeout` in milliseconds ("Timeout" of the same text); Infinity where it is missing or no timeout. */
export function timeoutMs(value: string | undefined): number {
  const [, amount, unit] = /^(\d{1,8})([HMSmun])$/.exec(value ?? '') ?? []
  return amount === undefined ? Number.POSITIVE_INFINITY : Number(amount) * (UNIT_MS[unit ?? ''] ?? 0)
}

/** `grpc-message`: percent-encoded where it is not printable ASCII ("Status-Message"). */
export function encodeDetails(text: string): string {
  return [...Buffer.from(text, 'utf8')]
    .map((byte) =>
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
    )
    .join('')
}

/** The text of a `grpc-message`; a lone "%" stays as it is. */
export function decodeDetails(text: string): string {
  const bytes = text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

function tooLarge(bytes: number): GantryError {
  return new GantryError('resource_exhausted', {
    action: 'read message',
    reason: `it has ${bytes} bytes, the limit is ${MAX_RAW_BYTES}`,
  })
}
