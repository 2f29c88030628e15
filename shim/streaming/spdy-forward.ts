// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream'
import { Forwarding, type ForwardTarget } from './forwarding.ts'
import { isPort } from './port-forward.ts'
import { SESSION_LIMITS, SpdySession } from './spdy/session.ts'
import type { SpdyStream, StreamHandlers } from './spdy/stream.ts'
import { REMOTE_LIMITS, type RemoteLimits } from './spdy-remote.ts'

/** Connections of one client at a time: each is a process and a connection to the keeper. */
const MAX_PAIRS = 100

/** Serves port-forward over SPDY until the client goes: pairs of an error and a data stream, each pair one connection. */
export function serveSpdyForward(
  transport: Duplex,
  target: ForwardTarget,
  limits: RemoteLimits = REMOTE_LIMITS,
): Promise<void> {
  return new Promise((resolve) => {
    const pairs = new Pairs(target, limits.streamCreationMs)
    const events = {
      open: (stream: SpdyStream) => pairs.open(stream),
      closed: () => {
        pairs.close()
        resolve()
      },
    }
    new SpdySession(transport, events, { ...SESSION_LIMITS, maxStreams: 2 * MAX_PAIRS, idleMs: limits.idleMs })
  })
}

class Pairs {
  readonly #target: ForwardTarget
  readonly #creationMs: number
  readonly #pairs = new Map<string, Pair>()

  constructor(target: ForwardTarget, creationMs: number) {
    this.#target = target
    this.#creationMs = creationMs
  }

  open(stream: SpdyStream): StreamHandlers | undefined {
    const type = stream.headers.get('streamtype')
    const port = Number(stream.headers.get('port'))
    if ((type !== 'error' && type !== 'data') || !isPort(port)) return undefined
    // Before requestid there was: clients opened the data stream right behind the error stream.
    const id = stream.headers.get('requestid') ?? String(type === 'error' ? stream.id : stream.id - 2)
    const pair = this.#pairs.get(id) ?? this.#newPair(id, port)
    return pair?.take(type, stream)
  }

  close(): void {
    for (const pair of this.#pairs.values()) pair.close()
    this.#pairs.clear()
  }

  #newPair(id: string, port: number): Pair | undefined {
    if (this.#pairs.size >= MAX_PAIRS) return undefined
    const pair = new Pair(this.#target, port, this.#creationMs, () => this.#pairs.delete(id))
    this.#pairs.set(id, pair)
    return pair
  }
}

/** An error and a data stream of one request. */
class Pair {
  readonly #forwarding: Forwarding
  readonly #timer: NodeJS.Timeout
  #error: SpdyStream | undefined
  #data: SpdyStream | undefined

  constructor(target: ForwardTarget, port: number, creationMs: number, forget: () => void) {
    this.#forwarding = new Forwarding(target, port, {
      write: (bytes, done) => this.#data?.write(bytes, done) ?? true,
      // The client waits for the end of both before it closes its own side.
      ended: () => {
        this.#data?.end()
        this.#error?.end()
      },
      finished: (failure) => {
        clearTimeout(this.#timer)
        if (failure !== undefined) this.#error?.write(Buffer.from(failure))
        this.#error?.end()
        if (failure === undefined) this.#data?.end()
        else this.#data?.reset()
        forget()
      },
    })
    this.#timer = setTimeout(() => this.#giveUp(), creationMs)
  }

  take(type: 'error' | 'data', stream: SpdyStream): StreamHandlers | undefined {
    if (type === 'error' ? this.#error !== undefined : this.#data !== undefined) {
      this.#error?.write(Buffer.from(`error forwarding: a second ${type} stream for one request`))
      return undefined
    }
    if (type === 'error') this.#error = stream
    else this.#data = stream
    if (this.#error !== undefined && this.#data !== undefined) this.#begin()
    return type === 'error' ? this.#errorHandlers() : this.#dataHandlers()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#forwarding.close()
  }

  #begin(): void {
    clearTimeout(this.#timer)
    // The stream is accepted when this turn is over; its failures are told on its error stream.
    setImmediate(() => {
      this.#forwarding.start().catch((error: unknown) => this.#error?.write(Buffer.from(String(error))))
    })
  }

  #giveUp(): void {
    this.#error?.write(Buffer.from('error forwarding: timed out waiting for the streams of the request'))
    this.close()
  }

  #errorHandlers(): StreamHandlers {
    return { data: (_, consumed) => consumed(), end: nothing, drained: nothing, closed: nothing }
  }

  #dataHandlers(): StreamHandlers {
    return {
      data: (bytes, consumed) => this.#forwarding.input(bytes, consumed),
      end: () => this.#forwarding.inputEnd(),
      drained: () => this.#forwarding.resume(),
      closed: () => this.close(),
    }
  }
}

function nothing(): undefined {
  return undefined
}
