// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream'
import { GantryError } from '../../runtime-core/errors.ts'
import type { WriteCallback } from '../../runtime-core/keeper/client.ts'
import type { RemoteClient, RemoteHandlers, RemoteStreams } from './remote-command.ts'
import { ResizeReader } from './resize.ts'
import { SESSION_LIMITS, SpdySession } from './spdy/session.ts'
import type { SpdyStream, StreamHandlers } from './spdy/stream.ts'
import { type RemoteResult, statusText } from './status.ts'

const STREAM_CREATION_MS = 30_000
const NAMES = ['error', 'stdin', 'stdout', 'stderr', 'resize'] as const
type Name = (typeof NAMES)[number]

/** Bounds a test may want narrower. */
export interface RemoteLimits {
  readonly idleMs: number
  readonly streamCreationMs: number
}

export const REMOTE_LIMITS: RemoteLimits = { idleMs: SESSION_LIMITS.idleMs, streamCreationMs: STREAM_CREATION_MS }

/**
 * Waits until a SPDY client of exec or attach has opened all its streams.
 *
 * @param protocol One of REMOTE_COMMAND_SPDY.
 * @throws GantryError `deadline_exceeded` or `cancelled`; the connection is closed then.
 */
export function connectSpdyRemote(
  transport: Duplex,
  wanted: RemoteStreams,
  protocol: string,
  handlers: RemoteHandlers,
  limits: RemoteLimits = REMOTE_LIMITS,
): Promise<RemoteClient> {
  return new SpdyRemote(transport, wanted, protocol, handlers, limits).ready
}

class SpdyRemote implements RemoteClient {
  readonly #ready = Promise.withResolvers<RemoteClient>()
  readonly #session: SpdySession
  readonly #handlers: RemoteHandlers
  readonly #expected: ReadonlySet<Name>
  readonly #form: 'json' | 'text'
  readonly #streams = new Map<Name, SpdyStream>()
  readonly #timer: NodeJS.Timeout

  constructor(
    transport: Duplex,
    wanted: RemoteStreams,
    protocol: string,
    handlers: RemoteHandlers,
    limits: RemoteLimits,
  ) {
    this.#handlers = handlers
    this.#expected = expectedStreams(wanted, protocol)
    this.#form = protocol.startsWith('v4') ? 'json' : 'text'
    this.#timer = setTimeout(() => this.#giveUp(), limits.streamCreationMs)
    this.#session = new SpdySession(
      transport,
      { open: (stream) => this.#open(stream), closed: (error) => this.#closed(error) },
      { ...SESSION_LIMITS, maxStreams: NAMES.length, idleMs: limits.idleMs },
    )
  }

  get ready(): Promise<RemoteClient> {
    return this.#ready.promise
  }

  write(stream: 1 | 2, bytes: Buffer, done: () => void): boolean {
    return this.#streams.get(stream === 1 ? 'stdout' : 'stderr')?.write(bytes, done) ?? true
  }

  finish(result: RemoteResult): void {
    const text = statusText(result, this.#form)
    if (text !== undefined) this.#streams.get('error')?.write(Buffer.from(text))
    for (const stream of this.#streams.values()) stream.end()
    this.#session.close()
  }

  #open(stream: SpdyStream): StreamHandlers | undefined {
    const name = NAMES.find((candidate) => candidate === stream.headers.get('streamtype')?.toLowerCase())
    if (name === undefined || !this.#expected.has(name) || this.#streams.has(name)) return undefined
    this.#streams.set(name, stream)
    if (this.#streams.size === this.#expected.size) {
      clearTimeout(this.#timer)
      this.#ready.resolve(this)
    }
    return this.#handlersOf(name)
  }

  #handlersOf(name: Name): StreamHandlers {
    const handlers = this.#handlers
    const common = {
      data: (_: Buffer, consumed: WriteCallback) => consumed(),
      end: () => undefined,
      drained: () => undefined,
      // A client that resets one of its streams is about to leave; the end of the connection tells.
      closed: () => undefined,
    }
    switch (name) {
      case 'stdin':
        return {
          ...common,
          data: (bytes, consumed) => handlers.stdin(bytes, consumed),
          end: () => handlers.stdinEnd(),
          closed: () => handlers.stdinEnd(),
        }
      case 'resize':
        return { ...common, data: this.#resizeReader() }
      case 'stdout':
      case 'stderr':
        return { ...common, drained: () => handlers.drained() }
      case 'error':
        return common
    }
  }

  #resizeReader(): StreamHandlers['data'] {
    const reader = new ResizeReader()
    return (bytes, consumed) => {
      const size = reader.push(bytes)
      consumed()
      if (size !== undefined) this.#handlers.resize(size)
    }
  }

  #giveUp(): void {
    const missing = [...this.#expected].filter((name) => !this.#streams.has(name)).join(', ')
    const error = new GantryError('deadline_exceeded', { action: 'wait for streams of client', subject: missing })
    this.#ready.reject(error)
    this.#session.destroy(error)
  }

  #closed(error: GantryError | undefined): void {
    clearTimeout(this.#timer)
    this.#ready.reject(error ?? new GantryError('cancelled', { action: 'stream', reason: 'the client went away' }))
    this.#handlers.closed()
  }
}

function expectedStreams({ stdin, stdout, stderr, tty }: RemoteStreams, protocol: string): ReadonlySet<Name> {
  const resizes = tty && /^v[34]\./.test(protocol)
  return new Set<Name>([
    'error',
    ...(stdin ? (['stdin'] as const) : []),
    ...(stdout ? (['stdout'] as const) : []),
    ...(stderr ? (['stderr'] as const) : []),
    ...(resizes ? (['resize'] as const) : []),
  ])
}
