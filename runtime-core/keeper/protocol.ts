// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../errors.ts'

/** The keeper's protocol; the C side is keeper/keeper.h. Both carry the version, `hello` compares them. */
export const PROTOCOL_VERSION = 1
export const FRAME_HEADER_BYTES = 12

export const REQUEST = {
  hello: 1,
  launch: 2,
  signal: 3,
  reopenLog: 4,
  attach: 5,
  resize: 6,
  stdin: 7,
  forget: 8,
  shutdown: 9,
} as const

export const REPLY = { hello: 65, launched: 66, status: 67, exit: 68, output: 69 } as const

export const PROCESS_KIND = { sandbox: 0, container: 1, exec: 2, init: 3 } as const
export type ProcessKind = keyof typeof PROCESS_KIND

/** In place of the number of a failed operation: clone3 itself failed. */
export const FAILED_CLONE = 0xfffffffe
/** In place of the number of a failed operation: the log could not be opened, or the pipes of the standard streams. */
export const FAILED_IO = 0xfffffffd

/** What the keeper connects to a process. */
export const IO = { stdin: 1, stdout: 2, stderr: 4, terminal: 8, stream: 16, stdinOnce: 32 } as const

export const SIGNAL_FLAG = { process: 0, group: 1, all: 2 } as const
export type SignalScope = keyof typeof SIGNAL_FLAG

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly id: number
  readonly payload: Buffer
}

/** What the keeper knows of one process. */
export interface ProcessRecord {
  readonly id: string
  readonly kind: ProcessKind
  readonly state: 'launching' | 'running' | 'draining' | 'exited'
  readonly pid: number
  readonly exit: ProcessExit | undefined
  readonly startedAtNs: bigint
  readonly lostLogBytes: bigint
}

/** How a process ended. `exitCode` is 128 + signal for one that a signal ended. */
export interface ProcessExit {
  readonly exitCode: number
  readonly signal: number
  readonly oomKilled: boolean
  readonly finishedAtNs: bigint
}

/** One frame: header and payload. */
export function encodeFrame(type: number, flags: number, id: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length)
  writeHead(frame, type, flags, id, payload.length)
  frame.set(payload, FRAME_HEADER_BYTES)
  return frame
}

/** The header of a frame whose payload is written behind it. */
export function encodeHead(type: number, flags: number, id: number, length: number): Buffer {
  const head = Buffer.allocUnsafe(FRAME_HEADER_BYTES)
  writeHead(head, type, flags, id, length)
  return head
}

function writeHead(to: Buffer, type: number, flags: number, id: number, length: number): void {
  to.writeUInt32LE(length, 0)
  to.writeUInt16LE(type, 4)
  to.writeUInt16LE(flags, 6)
  to.writeUInt32LE(id, 8)
}

/** Numbers, then strings of {u16 length}{bytes}{NUL}, then raw bytes. */
export function encodePayload(numbers: readonly number[], strings: readonly string[], rest?: Uint8Array): Buffer {
  const texts = strings.map((text) => Buffer.from(text, 'utf8'))
  const size = numbers.length * 4 + texts.reduce((sum, text) => sum + text.length + 3, 0) + (rest?.length ?? 0)
  const payload = Buffer.allocUnsafe(size)
  let at = 0
  for (const value of numbers) at = payload.writeUInt32LE(value >>> 0, at)
  for (const text of texts) {
    at = payload.writeUInt16LE(text.length, at)
    at += text.copy(payload, at)
    at = payload.writeUInt8(0, at)
  }
  if (rest !== undefined) payload.set(rest, at)
  return payload
}

/** The longest frame a keeper ever sends. */
const MAX_FRAME_BYTES = 16 << 20

/** Cuts a byte stream into frames. Output is handed on in the pieces it comes in: it is never put together. */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0)
  /** The frame of output that is under way, and how much of it is still to come. */
  #output: { readonly flags: number; readonly id: number; left: number } | undefined

  /**
   * Takes the next bytes, returns the frames that became complete, and the pieces of output.
   *
   * @throws GantryError `internal` when a length is beyond what a keeper ever sends.
   */
  push(chunk: Buffer): Frame[] {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    const frames: Frame[] = []
    let at = 0
    for (;;) {
      const end = this.#output === undefined ? this.#take(bytes, at, frames) : this.#takeOutput(bytes, at, frames)
      if (end === at) break
      at = end
    }
    // A rest is copied: a few bytes shall not hold a long chunk.
    this.#pending = at === 0 ? bytes : Buffer.from(bytes.subarray(at))
    return frames
  }

  /** Takes one frame from `at`; returns the offset behind it, or `at` where it is not whole yet. */
  #take(bytes: Buffer, at: number, frames: Frame[]): number {
    const start = at + FRAME_HEADER_BYTES
    if (bytes.length < start) return at
    const length = bytes.readUInt32LE(at)
    if (length > MAX_FRAME_BYTES) {
      throw new GantryError('internal', { action: 'read from keeper', reason: `frame of ${length} bytes` })
    }
    const head = { type: bytes.readUInt16LE(at + 4), flags: bytes.readUInt16LE(at + 6), id: bytes.readUInt32LE(at + 8) }
    if (head.type === REPLY.output && length > 0) {
      this.#output = { flags: head.flags, id: head.id, left: length }
      return start
    }
    if (bytes.length - start < length) return at
    frames.push({ ...head, payload: bytes.subarray(start, start + length) })
    return start + length
  }

  #takeOutput(bytes: Buffer, at: number, frames: Frame[]): number {
    const output = this.#output
    if (output === undefined || at === bytes.length) return at
    const payload = bytes.subarray(at, at + output.left)
    output.left -= payload.length
    if (output.left === 0) this.#output = undefined
    frames.push({ type: REPLY.output, flags: output.flags, id: output.id, payload })
    return at + payload.length
  }
}

const KINDS: readonly ProcessKind[] = ['sandbox', 'container', 'exec', 'init']
const STATES = ['launching', 'running', 'draining', 'exited'] as const

/** Reads one process record; returns it and the offset behind it. */
export function decodeRecord(payload: Buffer, at: number): { record: ProcessRecord; next: number } {
  const length = payload.readUInt16LE(at + 48)
  const state = STATES[payload.readUInt32LE(at + 4)] ?? 'exited'
  const record: ProcessRecord = {
    id: payload.toString('utf8', at + 50, at + 50 + length),
    kind: KINDS[payload.readUInt32LE(at)] ?? 'sandbox',
    state,
    pid: payload.readInt32LE(at + 8),
    exit:
      state === 'exited'
        ? decodeExit(
            payload.readInt32LE(at + 12),
            payload.readUInt32LE(at + 16) !== 0,
            payload.readBigUInt64LE(at + 32),
          )
        : undefined,
    startedAtNs: payload.readBigUInt64LE(at + 24),
    lostLogBytes: payload.readBigUInt64LE(at + 40),
  }
  return { record, next: at + 50 + length }
}

/** A wait status (wait(2)) as exit code and signal. */
export function decodeExit(waitStatus: number, oomKilled: boolean, finishedAtNs: bigint): ProcessExit {
  const signal = waitStatus & 0x7f
  return { exitCode: signal === 0 ? (waitStatus >> 8) & 0xff : 128 + signal, signal, oomKilled, finishedAtNs }
}
