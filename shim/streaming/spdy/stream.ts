// SPDX-License-Identifier: Apache-2.0
import type { WriteCallback } from '../../../runtime-core/keeper/client.ts'
import { CONTROL, controlFrame, dataHead, RESET } from './frames.ts'
import type { Headers } from './headers.ts'

/** The session as its streams see it. */
export interface StreamWire {
  /** What the session as a whole may send. */
  readonly window: SendWindow
  /** More should wait for `drained`. */
  readonly congested: boolean
  /** `written` is called when the last part has left this process, or with an error. */
  send(parts: readonly Buffer[], written?: WriteCallback): void
  /** Bytes that were taken for a consumer have reached it. */
  credit(bytes: number): void
  /** The stream has nothing left to say or hear. */
  forget(stream: SpdyStream): void
}

/** Who consumes a stream. */
export interface StreamHandlers {
  /**
   * `consumed` is called when the bytes have left this process, or with an error when they never will: until then they
   * count against the session, afterwards their memory is used otherwise.
   */
  data(bytes: Buffer, consumed: WriteCallback): void
  /** The client has said all it will. */
  end(): void
  /** There may be more again after `write` returned false. */
  drained(): void
  /** Reset by the client, or lost with the connection. */
  closed(): void
}

/** Until a peer says otherwise (SPDY/3.1 §2.6.8). */
const STANDARD_WINDOW = 65_536

/** How much a peer lets us send; without bounds until it first says so, because most never do. */
export class SendWindow {
  #sent = 0
  #granted: number | undefined

  constructor(granted?: number) {
    this.#granted = granted
  }

  get open(): number {
    return this.#granted === undefined ? Number.POSITIVE_INFINITY : Math.max(0, this.#granted - this.#sent)
  }

  grant(bytes: number): void {
    this.#granted = (this.#granted ?? STANDARD_WINDOW) + bytes
  }

  setInitial(bytes: number): void {
    this.#granted ??= bytes
  }

  take(bytes: number): void {
    this.#sent += bytes
  }
}

/** Half a standard window: credit is given in pieces of this size. */
export const CREDIT_BYTES = 32 << 10
/** The most one frame carries: short enough that other streams are not kept waiting. */
const MAX_DATA_BYTES = 64 << 10

/** One stream of a session, opened by the client. */
export class SpdyStream {
  readonly id: number
  readonly headers: Headers
  readonly window: SendWindow
  handlers: StreamHandlers | undefined
  readonly #session: StreamWire
  #queue: { bytes: Buffer; readonly done: () => void }[] = []
  #finWaits = false
  /** Consumed, and not given back to the client's window yet. */
  #owed = 0
  #localEnded = false
  #remoteEnded = false

  constructor(session: StreamWire, id: number, headers: Headers, initialWindow: number | undefined) {
    this.#session = session
    this.id = id
    this.headers = headers
    this.window = new SendWindow(initialWindow)
  }

  /** True when the client will send no more. */
  get remoteEnded(): boolean {
    return this.#remoteEnded
  }

  /** Something to send waits for the client's window. */
  get waiting(): boolean {
    return this.#queue.length > 0
  }

  /**
   * Sends bytes. False: the caller should wait for `drained`; they are queued all the same.
   *
   * @param done The bytes have left this process; not called where they never do.
   */
  write(bytes: Buffer, done: () => void = nothing): boolean {
    if (this.#localEnded || this.#finWaits) return true
    if (bytes.length > 0) this.#queue.push({ bytes, done })
    this.#send()
    return this.#queue.length === 0 && !this.#session.congested
  }

  /** Half-closes: the client sees the end after what was written. Idempotent. */
  end(): void {
    if (this.#localEnded) return
    this.#finWaits = true
    this.#send()
  }

  /** Ends it in both directions. Idempotent. */
  reset(): void {
    if (this.#localEnded && this.#remoteEnded) return
    this.#session.send([controlFrame(CONTROL.rstStream, 0, [this.id, RESET.cancel])])
    this.#drop()
  }

  /** Goes on with what waits, and asks for more when nothing does. */
  flush(): void {
    this.#send()
    if (this.#queue.length === 0 && !this.#localEnded && !this.#session.congested) this.handlers?.drained()
  }

  onData(bytes: Buffer, release: () => void): void {
    const { length } = bytes
    if (this.#remoteEnded) {
      release()
      this.#session.credit(length)
      return
    }
    this.handlers?.data(bytes, (error) => {
      if (!error) release()
      this.#session.credit(length)
      this.#owed += length
      if (this.#owed < CREDIT_BYTES || this.#remoteEnded) return
      this.#session.send([controlFrame(CONTROL.windowUpdate, 0, [this.id, this.#owed])])
      this.#owed = 0
    })
  }

  onEnd(): void {
    if (this.#remoteEnded) return
    this.#remoteEnded = true
    this.handlers?.end()
    this.#forgetIfDone()
  }

  onReset(): void {
    this.#drop()
    this.handlers?.closed()
  }

  /** The connection is gone. */
  lost(): void {
    this.#localEnded = this.#remoteEnded = true
    this.#queue = []
    this.handlers?.closed()
  }

  #drop(): void {
    this.#localEnded = this.#remoteEnded = true
    this.#queue = []
    this.#session.forget(this)
  }

  #send(): void {
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const open = Math.min(this.window.open, this.#session.window.open, MAX_DATA_BYTES)
      if (open === 0) return
      const { bytes, done } = next
      const part = bytes.subarray(0, open)
      const last = part.length === bytes.length
      if (last) this.#queue.shift()
      else next.bytes = bytes.subarray(part.length)
      this.window.take(part.length)
      this.#session.window.take(part.length)
      this.#session.send([dataHead(this.id, part.length, false), part], (error) => {
        if (last && !error) done()
      })
    }
    if (!this.#finWaits || this.#localEnded) return
    this.#localEnded = true
    this.#session.send([dataHead(this.id, 0, true)])
    this.#forgetIfDone()
  }

  #forgetIfDone(): void {
    if (this.#localEnded && this.#remoteEnded) this.#session.forget(this)
  }
}

function nothing(): undefined {
  return undefined
}
