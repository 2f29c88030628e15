// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream'
import { type GantryError, hasCode } from '../../../runtime-core/errors.ts'
import type { WriteCallback } from '../../../runtime-core/keeper/client.ts'
import { SharedBuffer } from '../../../runtime-core/spent-buffer.ts'
import { CONTROL, controlFrame, type Frame, FrameParser, GOAWAY, RESET, violation } from './frames.ts'
import { HeaderReader, type Headers, HeaderWriter } from './headers.ts'
import { CREDIT_BYTES, SendWindow, SpdyStream, type StreamHandlers, type StreamWire } from './stream.ts'

/** What a session tells its owner. */
export interface SessionEvents {
  /** The client opened a stream; undefined refuses it. */
  open(stream: SpdyStream): StreamHandlers | undefined
  /** The connection is gone; the streams have been told before. Without an error it was closed in order. */
  closed(error: GantryError | undefined): void
}

/** Bounds of a session. */
export interface SessionLimits {
  readonly maxStreams: number
  /** Bytes that may wait for their consumers before the connection is not read any more. */
  readonly unconsumedBytes: number
  /** Closed after this time without a frame in either direction. */
  readonly idleMs: number
}

export const SESSION_LIMITS: SessionLimits = { maxStreams: 256, unconsumedBytes: 512 << 10, idleMs: 4 * 3600_000 }

/** A client that lets this much pile up asks without ever reading the answers. */
const MAX_UNSENT_BYTES = 4 << 20
/** A frame, and what gives its part of the chunk back that it came in. Control frames are copies. */
interface Received {
  readonly frame: Frame
  readonly release: () => void
}

/** How long a closed connection is still read, so that what was sent last arrives. */
const LINGER_MS = 5000
/** How often a client that is not read is asked whether it is still there. */
const PROBE_MS = 15_000

/**
 * The server's side of a SPDY/3.1 connection. A client that breaks the protocol loses its connection, and nobody else
 * notices. The peers of kubelets send no WINDOW_UPDATE and expect none: windows count from the first that comes.
 */
export class SpdySession implements StreamWire {
  readonly #transport: Duplex
  readonly #events: SessionEvents
  readonly #limits: SessionLimits
  readonly #parser = new FrameParser()
  readonly #headerReader = new HeaderReader()
  readonly #headerWriter = new HeaderWriter()
  readonly #streams = new Map<number, SpdyStream>()
  readonly #window = new SendWindow()
  readonly #idle: NodeJS.Timeout
  readonly #frames: Received[] = []
  #probe: NodeJS.Timeout | undefined
  #initialWindow: number | undefined
  #lastStreamId = 0
  #unconsumed = 0
  #owed = 0
  #working = false
  #inflating = false
  #state: 'open' | 'leaving' | 'closing' | 'closed' = 'open'

  constructor(transport: Duplex, events: SessionEvents, limits: SessionLimits = SESSION_LIMITS) {
    this.#transport = transport
    this.#events = events
    this.#limits = limits
    this.#idle = setTimeout(() => this.close(), limits.idleMs).unref()
    transport.on('data', (chunk: Buffer) => this.#receive(chunk))
    transport.on('drain', () => this.#drained())
    transport.on('end', () => this.destroy())
    transport.on('error', () => this.destroy())
    transport.on('close', () => this.destroy())
  }

  /** Ends in order: what is queued is sent, then GOAWAY. Idempotent. */
  close(): void {
    if (this.#state !== 'open') return
    this.#state = 'leaving'
    this.#leave()
  }

  /** Ends at once. Idempotent. */
  destroy(error?: GantryError): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    clearTimeout(this.#idle)
    clearInterval(this.#probe)
    this.#headerReader.close()
    this.#transport.destroy()
    for (const stream of this.#streams.values()) stream.lost()
    this.#streams.clear()
    this.#events.closed(error)
  }

  send(parts: readonly Buffer[], written?: WriteCallback): void {
    if (this.#state === 'closing' || this.#state === 'closed') return
    this.#idle.refresh()
    this.#transport.cork()
    const last = parts.length - 1
    parts.forEach((part, index) => {
      this.#transport.write(part, index === last ? written : undefined)
    })
    this.#transport.uncork()
  }

  get congested(): boolean {
    return this.#transport.writableNeedDrain
  }

  get window(): SendWindow {
    return this.#window
  }

  forget(stream: SpdyStream): void {
    this.#streams.delete(stream.id)
    if (this.#state === 'leaving') this.#leave()
  }

  credit(bytes: number): void {
    this.#unconsumed -= bytes
    this.#owed += bytes
    if (this.#owed >= CREDIT_BYTES) {
      this.#control(controlFrame(CONTROL.windowUpdate, 0, [0, this.#owed]))
      this.#owed = 0
    }
    this.#readOrNot()
  }

  get #live(): boolean {
    return this.#state === 'open' || this.#state === 'leaving'
  }

  #receive(chunk: Buffer): void {
    if (!this.#live) return
    this.#idle.refresh()
    try {
      const frames = this.#parser.push(chunk)
      const { release } = new SharedBuffer(chunk, frames.length)
      for (const frame of frames) this.#frames.push({ frame, release })
    } catch (error) {
      this.#refuse(error)
      return
    }
    if (!this.#working) this.#work().catch((error: unknown) => this.#refuse(error))
  }

  /** Handles frames in their order; while a header block is being inflated nothing more is read. */
  async #work(): Promise<void> {
    this.#working = true
    try {
      for (let next = this.#frames.shift(); next !== undefined; next = this.#frames.shift()) {
        const { frame, release } = next
        if (!this.#live) break
        if (frame.kind === 'data') {
          this.#onData(frame, release)
          continue
        }
        release()
        if (frame.kind === 'synStream' || frame.kind === 'headers') {
          const headers = await this.#readHeaders(frame.block)
          if (this.#live) this.#onHeaders(frame, headers)
        } else this.#onFrame(frame)
      }
    } finally {
      this.#working = false
    }
  }

  async #readHeaders(block: Buffer): Promise<Headers> {
    this.#inflating = true
    this.#readOrNot()
    try {
      return await this.#headerReader.read(block)
    } finally {
      this.#inflating = false
      this.#readOrNot()
    }
  }

  #onFrame(frame: Exclude<Frame, { block: Buffer } | { payload: Buffer }>): void {
    switch (frame.kind) {
      case 'reset':
        this.#streams.get(frame.streamId)?.onReset()
        return
      case 'ping':
        // Even ids are answers to our own (§2.6.5).
        if (frame.id % 2 === 1) this.#control(controlFrame(CONTROL.ping, 0, [frame.id]))
        return
      case 'initialWindow':
        this.#onInitialWindow(frame.bytes)
        return
      case 'windowUpdate':
        this.#onWindowUpdate(frame.streamId, frame.bytes)
        return
      case 'goAway':
        if (this.#streams.size === 0) this.close()
        return
    }
  }

  #onHeaders(frame: Extract<Frame, { block: Buffer }>, headers: Headers): void {
    const known = this.#streams.get(frame.streamId)
    if (frame.kind === 'headers') {
      if (frame.fin) known?.onEnd()
      return
    }
    if (frame.streamId % 2 === 0 || frame.streamId <= this.#lastStreamId) {
      this.#reset(frame.streamId, RESET.protocolError)
      return
    }
    this.#lastStreamId = frame.streamId
    if (this.#state !== 'open' || this.#streams.size >= this.#limits.maxStreams) {
      this.#reset(frame.streamId, RESET.refusedStream)
      return
    }
    const stream = new SpdyStream(this, frame.streamId, headers, this.#initialWindow)
    const handlers = this.#events.open(stream)
    if (handlers === undefined) {
      this.#reset(frame.streamId, RESET.cancel)
      return
    }
    this.#streams.set(stream.id, stream)
    stream.handlers = handlers
    this.#control(controlFrame(CONTROL.synReply, 0, [stream.id], this.#headerWriter.write(new Map())))
    if (frame.fin) stream.onEnd()
  }

  #onData({ streamId, payload, fin }: Extract<Frame, { payload: Buffer }>, release: () => void): void {
    const stream = this.#streams.get(streamId)
    // Of a stream that has just been reset more may be on its way.
    if (stream === undefined || payload.length === 0) release()
    if (stream === undefined) return
    if (payload.length > 0) {
      this.#unconsumed += payload.length
      stream.onData(payload, release)
    }
    if (fin) stream.onEnd()
    this.#readOrNot()
  }

  #onInitialWindow(bytes: number): void {
    this.#initialWindow = bytes
    for (const stream of this.#streams.values()) stream.window.setInitial(bytes)
    this.#drained()
  }

  #onWindowUpdate(streamId: number, bytes: number): void {
    const window = streamId === 0 ? this.#window : this.#streams.get(streamId)?.window
    window?.grant(bytes)
    this.#drained()
  }

  #drained(): void {
    for (const stream of this.#streams.values()) stream.flush()
    if (this.#state === 'leaving') this.#leave()
  }

  #reset(streamId: number, status: number): void {
    this.#control(controlFrame(CONTROL.rstStream, 0, [streamId, status]))
  }

  /** Answers are small, but a client that never reads them can ask for very many. */
  #control(frame: Buffer): void {
    if (this.#transport.writableLength > MAX_UNSENT_BYTES) this.destroy(violation('requests without reading answers'))
    else this.send([frame])
  }

  #refuse(error: unknown): void {
    const known = hasCode(error, 'invalid_argument') ? error : violation(String(error))
    this.send([controlFrame(CONTROL.goAway, 0, [this.#lastStreamId, GOAWAY.protocolError])])
    this.destroy(known)
  }

  #readOrNot(): void {
    if (!this.#live) return
    const wait = this.#inflating || this.#unconsumed > this.#limits.unconsumedBytes
    if (wait === this.#transport.isPaused()) return
    clearInterval(this.#probe)
    if (!wait) {
      this.#transport.resume()
      return
    }
    this.#transport.pause()
    // The end of a connection that is not read shows only when something is sent.
    this.#probe = setInterval(() => {
      if (this.#transport.writableLength === 0) this.#transport.write(controlFrame(CONTROL.ping, 0, [2]))
    }, PROBE_MS).unref()
  }

  /** Closes once every stream has sent what it had. */
  #leave(): void {
    if ([...this.#streams.values()].some(({ waiting }) => waiting)) return
    this.send([controlFrame(CONTROL.goAway, 0, [this.#lastStreamId, GOAWAY.ok])])
    this.#state = 'closing'
    // Closing with bytes unread would be a reset, and a reset takes along what the client has not read yet.
    this.#transport.resume()
    this.#transport.end(() => setTimeout(() => this.destroy(), LINGER_MS).unref())
  }
}
