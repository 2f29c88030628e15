// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../../runtime-core/errors.ts'

/** Frames of SPDY/3.1 (draft-mbelshe-httpbis-spdy-00 §2.2, §2.6), as kubelets speak it. */
const VERSION = 3
const HEAD_BYTES = 8
/** Control frames carry little here; header blocks of a kubelet are under 200 bytes. */
export const MAX_CONTROL_BYTES = 64 << 10
const MAX_SETTINGS = 64
const ID_MASK = 0x7fff_ffff

export const CONTROL = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const

export const FLAG_FIN = 1

/** Status of RST_STREAM (§2.6.3). */
export const RESET = { protocolError: 1, invalidStream: 2, refusedStream: 3, cancel: 5, internalError: 6 } as const
/** Status of GOAWAY (§2.6.6). */
export const GOAWAY = { ok: 0, protocolError: 1 } as const
const INITIAL_WINDOW_SIZE = 7

/** A frame as received. Data comes in the pieces that arrive; `fin` is on the last of a frame. */
export type Frame =
  | { readonly kind: 'data'; readonly streamId: number; readonly fin: boolean; readonly payload: Buffer }
  | { readonly kind: 'synStream'; readonly streamId: number; readonly fin: boolean; readonly block: Buffer }
  | { readonly kind: 'headers'; readonly streamId: number; readonly fin: boolean; readonly block: Buffer }
  | { readonly kind: 'reset'; readonly streamId: number }
  | { readonly kind: 'ping'; readonly id: number }
  | { readonly kind: 'goAway' }
  | { readonly kind: 'initialWindow'; readonly bytes: number }
  | { readonly kind: 'windowUpdate'; readonly streamId: number; readonly bytes: number }

/** Cuts a client's bytes into frames. Holds at most one control frame. */
export class FrameParser {
  /** A head, or a control frame, as far as it has come: the first `#filled` bytes. */
  #held = Buffer.allocUnsafe(HEAD_BYTES)
  #filled = 0
  #data: { readonly streamId: number; readonly fin: boolean; left: number } | undefined

  /**
   * Takes the next bytes; returns what they complete. Payloads of data are parts of `chunk`.
   *
   * @throws GantryError `invalid_argument` at the first byte that is not SPDY/3.1; the connection is of no more use.
   */
  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = []
    let rest = chunk
    while (rest.length > 0)
      rest = this.#data === undefined ? this.#takeHead(rest, frames) : this.#takeData(rest, frames)
    return frames
  }

  /** Fills the head, then the control frame whose length it gave; returns what is behind. */
  #takeHead(bytes: Buffer, frames: Frame[]): Buffer {
    const taken = bytes.copy(this.#held, this.#filled, 0, this.#held.length - this.#filled)
    this.#filled += taken
    if (this.#filled < this.#held.length) return bytes.subarray(taken)
    const held = this.#held
    const length = held.readUIntBE(5, 3)
    if (held.length === HEAD_BYTES && isControl(held) && length > 0) {
      if (length > MAX_CONTROL_BYTES) throw violation(`a control frame of ${length} bytes`)
      this.#held = Buffer.allocUnsafe(HEAD_BYTES + length)
      held.copy(this.#held)
      return bytes.subarray(taken)
    }
    this.#held = Buffer.allocUnsafe(HEAD_BYTES)
    this.#filled = 0
    if (isControl(held)) {
      const decoded = decodeControl(held)
      if (decoded !== undefined) frames.push(decoded)
    } else this.#beginData(held, frames)
    return bytes.subarray(taken)
  }

  #beginData(head: Buffer, frames: Frame[]): void {
    const streamId = head.readUInt32BE(0) & ID_MASK
    const [flags, left] = [head.readUInt8(4), head.readUIntBE(5, 3)]
    if (streamId === 0) throw violation('data of stream 0')
    const fin = (flags & FLAG_FIN) !== 0
    if (left > 0) this.#data = { streamId, fin, left }
    else frames.push({ kind: 'data', streamId, fin, payload: head.subarray(HEAD_BYTES) })
  }

  #takeData(bytes: Buffer, frames: Frame[]): Buffer {
    const data = this.#data
    if (data === undefined) return bytes
    const payload = bytes.subarray(0, data.left)
    data.left -= payload.length
    const last = data.left === 0
    if (last) this.#data = undefined
    frames.push({ kind: 'data', streamId: data.streamId, fin: last && data.fin, payload })
    return bytes.subarray(payload.length)
  }
}

function isControl(head: Buffer): boolean {
  return (head.readUInt8(0) & 0x80) !== 0
}

function decodeControl(frame: Buffer): Frame | undefined {
  const version = frame.readUInt16BE(0) & 0x7fff
  const type = frame.readUInt16BE(2)
  const flags = frame.readUInt8(4)
  const body = frame.subarray(HEAD_BYTES)
  if (version !== VERSION) throw violation(`version ${version}`)
  switch (type) {
    case CONTROL.synStream:
      return withBlock('synStream', flags, body, 10)
    case CONTROL.headers:
      return withBlock('headers', flags, body, 4)
    case CONTROL.rstStream:
      expectLength('RST_STREAM', body, 8)
      return { kind: 'reset', streamId: streamOf(body) }
    case CONTROL.settings:
      return decodeSettings(body)
    case CONTROL.ping:
      expectLength('PING', body, 4)
      if (flags !== 0) throw violation('a PING with flags')
      return { kind: 'ping', id: body.readUInt32BE(0) }
    case CONTROL.goAway:
      expectLength('GOAWAY', body, 8)
      return { kind: 'goAway' }
    case CONTROL.windowUpdate:
      expectLength('WINDOW_UPDATE', body, 8)
      return { kind: 'windowUpdate', streamId: body.readUInt32BE(0) & ID_MASK, bytes: body.readUInt32BE(4) & ID_MASK }
    default: // SYN_REPLY too: a server opens no streams that could be replied to
      throw violation(`a control frame of type ${type}`)
  }
}

function withBlock(kind: 'synStream' | 'headers', flags: number, body: Buffer, fixedBytes: number): Frame {
  if (body.length < fixedBytes) throw violation(`a frame of ${body.length} bytes, too short for its type`)
  return { kind, streamId: streamOf(body), fin: (flags & FLAG_FIN) !== 0, block: body.subarray(fixedBytes) }
}

function decodeSettings(body: Buffer): Frame | undefined {
  const count = body.length < 4 ? -1 : body.readUInt32BE(0)
  if (count < 0 || count > MAX_SETTINGS || body.length !== 4 + count * 8) throw violation('SETTINGS of a wrong length')
  for (let at = 4; at < body.length; at += 8) {
    if (body.readUIntBE(at + 1, 3) === INITIAL_WINDOW_SIZE) {
      return { kind: 'initialWindow', bytes: body.readUInt32BE(at + 4) & ID_MASK }
    }
  }
  return undefined
}

function streamOf(body: Buffer): number {
  const streamId = body.readUInt32BE(0) & ID_MASK
  if (streamId === 0) throw violation('a frame of stream 0')
  return streamId
}

function expectLength(name: string, body: Buffer, bytes: number): void {
  if (body.length !== bytes) throw violation(`${name} of ${body.length} bytes`)
}

/** What a client did that SPDY/3.1 does not have. */
export function violation(what: string): GantryError {
  return new GantryError('invalid_argument', { action: 'read SPDY/3.1', reason: what })
}

/** The head of a data frame; its payload, at most 2^24−1 bytes, is written behind it. */
export function dataHead(streamId: number, length: number, fin: boolean): Buffer {
  const head = Buffer.allocUnsafe(HEAD_BYTES)
  head.writeUInt32BE(streamId, 0)
  head.writeUInt32BE(((fin ? FLAG_FIN : 0) << 24) | length, 4)
  return head
}

/** A control frame of 32-bit words, and what follows them. */
export function controlFrame(type: number, flags: number, words: readonly number[], rest?: Buffer): Buffer {
  const length = words.length * 4 + (rest?.length ?? 0)
  const frame = Buffer.allocUnsafe(HEAD_BYTES + length)
  frame.writeUInt16BE(0x8000 | VERSION, 0)
  frame.writeUInt16BE(type, 2)
  frame.writeUInt32BE(((flags & 0xff) << 24) | length, 4)
  let at = HEAD_BYTES
  for (const word of words) at = frame.writeUInt32BE(word >>> 0, at)
  if (rest !== undefined) frame.set(rest, at)
  return frame
}
