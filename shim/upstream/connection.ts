// SPDX-License-Identifier: Apache-2.0
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2'
import { connect as connectSocket } from 'node:net'
import { GantryError } from '../../runtime-core/errors.ts'
import type { RawHeaders } from './raw.ts'

/** Between attempts to connect while nobody asks for anything. */
const FIRST_BACKOFF_MS = 50
const MAX_BACKOFF_MS = 1000
/** Unix sockets connect at once or not at all; one whose queue is full belongs to a runtime that is stuck. */
const CONNECT_TIMEOUT_MS = 5000
/** HTTP/2 flow control: large lists shall not wait for round trips. */
export const WINDOW_BYTES = 8 << 20
/** Node counts what streams hold against the session and refuses streams above it, in MB: our limits are on messages. */
export const SESSION_MEMORY_MB = 4096

/** The runtime behind us went away, is back, or could not be reached at the start. */
export type UpstreamState = { readonly isUp: true } | { readonly isUp: false; readonly error: GantryError }

export interface UpstreamOptions {
  /** `unix:///run/containerd/containerd.sock` */
  readonly endpoint: string
  /** Called at each change, beginning with the first attempt's outcome. */
  readonly onState: (state: UpstreamState) => void
}

/** One HTTP/2 connection to the node's own runtime, made again with growing pauses when it is lost. */
export class UpstreamConnection {
  readonly endpoint: string
  readonly #onState: (state: UpstreamState) => void
  #session: ClientHttp2Session | undefined
  #attempt: Promise<ClientHttp2Session> | undefined
  #timer: NodeJS.Timeout | undefined
  #backoffMs = FIRST_BACKOFF_MS
  #state: UpstreamState | undefined
  #closed = false
  readonly #waiting = new Set<() => void>()

  constructor({ endpoint, onState }: UpstreamOptions) {
    this.endpoint = endpoint
    this.#onState = onState
  }

  /** Why there is no connection; undefined while there is one. */
  get failure(): GantryError | undefined {
    return this.#state?.isUp === false ? this.#state.error : undefined
  }

  /**
   * Opens a stream. Where the connection is lost it is tried once at once: a runtime that is back is not waited for.
   *
   * @throws GantryError `unavailable`, naming the socket
   */
  async open(headers: RawHeaders): Promise<ClientHttp2Stream> {
    const session = await this.session()
    try {
      // Node takes headers as a list, for names that are there twice, but its types do not know it yet.
      return session.request(headers as never, { endStream: false })
    } catch (cause) {
      // The connection has ended in the meantime.
      throw this.unavailable(cause)
    }
  }

  /** The connection; made if there is none. @throws GantryError `unavailable` */
  async session(): Promise<ClientHttp2Session> {
    const session = this.#session
    if (session !== undefined && !session.closed && !session.destroyed) return session
    this.#attempt ??= this.#connect().finally(() => {
      this.#attempt = undefined
    })
    return this.#attempt
  }

  /** Resolves when there is a connection, at once if there is one already. @throws the signal's reason */
  async connected(signal: AbortSignal): Promise<void> {
    while (this.#state?.isUp !== true) {
      signal.throwIfAborted()
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.add(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
      await promise.finally(() => this.#waiting.delete(resolve))
    }
    signal.throwIfAborted()
  }

  /** What a call is told that could not be answered because the runtime behind us is away. */
  unavailable(cause?: unknown): GantryError {
    return new GantryError('unavailable', {
      action: 'call upstream runtime',
      subject: this.endpoint,
      ...(cause === undefined ? { reason: 'the connection was lost' } : { cause }),
    })
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#session?.destroy()
  }

  async #connect(): Promise<ClientHttp2Session> {
    clearTimeout(this.#timer)
    if (this.#closed) throw this.unavailable(new Error('this daemon is stopping'))
    try {
      const session = await connectSession(this.endpoint)
      session.once('close', () => this.#lost(session))
      // A runtime that shuts down in order says so first: calls already under way may still end well.
      session.once('goaway', () => this.#lost(session))
      this.#session = session
      this.#backoffMs = FIRST_BACKOFF_MS
      this.#enter({ isUp: true })
      return session
    } catch (cause) {
      const error = this.unavailable(cause)
      this.#enter({ isUp: false, error })
      this.#tryLater()
      throw error
    }
  }

  #lost(session: ClientHttp2Session): void {
    if (this.#session !== session) return
    this.#session = undefined
    if (this.#closed) return
    this.#enter({ isUp: false, error: this.unavailable() })
    this.#tryLater()
  }

  #tryLater(): void {
    if (this.#closed) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      // The failure is in the state, and leads to the next attempt.
      this.session().catch(() => undefined)
    }, this.#backoffMs)
    this.#backoffMs = Math.min(2 * this.#backoffMs, MAX_BACKOFF_MS)
  }

  #enter(state: UpstreamState): void {
    const isNews = this.#state?.isUp !== state.isUp
    this.#state = state
    if (!isNews) return
    this.#onState(state)
    if (state.isUp) for (const wake of this.#waiting) wake()
  }
}

function connectSession(endpoint: string): Promise<ClientHttp2Session> {
  const { promise, resolve, reject } = Promise.withResolvers<ClientHttp2Session>()
  const socket = connectSocket(endpoint.replace(/^unix:\/\//, ''))
  const session = connectHttp2('http://localhost', {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    maxSessionMemory: SESSION_MEMORY_MB,
    // Until the runtime says how many streams it takes; the peers set no limit.
    peerMaxConcurrentStreams: 2 ** 31 - 1,
  })
  const timer = setTimeout(() => session.destroy(new Error('it did not accept the connection')), CONNECT_TIMEOUT_MS)
  session.once('connect', () => {
    session.setLocalWindowSize(WINDOW_BYTES * 2)
    resolve(session)
  })
  // Stays: an error that comes later is told by 'close', and must have a listener.
  session.on('error', reject)
  session.once('close', () => reject(new Error('the connection was closed')))
  return promise.finally(() => clearTimeout(timer))
}
