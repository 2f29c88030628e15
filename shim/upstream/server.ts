// SPDX-License-Identifier: Apache-2.0
import { chmod } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { ServiceDefinition } from '@grpc/grpc-js'
import { GantryError } from '../../runtime-core/errors.ts'
import { publish } from '../events/channels.ts'
import type { CallContext, Handlers } from '../server/grpc.ts'
import { claimSocket } from '../server/socket.ts'
import type { CallEnd } from './call.ts'
import { SESSION_MEMORY_MB, WINDOW_BYTES } from './connection.ts'
import { type LocalMethod, localMethods } from './local.ts'
import { header, type RawHeaders, timeoutMs } from './raw.ts'
import { describeEnd, Reply } from './reply.ts'

/** A call as it came, its request not yet read. */
export interface IncomingCall {
  readonly path: string
  /** Pseudo headers and metadata, in their order. */
  readonly headers: RawHeaders
  readonly stream: ServerHttp2Stream
  readonly context: CallContext
  readonly reply: Reply
  /** Our own method of this path. */
  readonly local: LocalMethod | undefined
}

/** Node's timers go no further; a deadline beyond it is none. */
const MAX_TIMER_MS = 2 ** 31 - 1

/**
 * gRPC over HTTP/2 on a unix socket, as far as one who passes calls on needs it: of a call nothing is read that its
 * handler does not ask for, and no method is unknown.
 */
export class RawGrpcServer {
  readonly #server = createServer({
    settings: { initialWindowSize: WINDOW_BYTES, maxConcurrentStreams: 1000 },
    maxSessionMemory: SESSION_MEMORY_MB,
  })
  readonly #sessions = new Set<ServerHttp2Session>()
  readonly #methods = new Map<string, LocalMethod>()
  readonly #now: () => number

  /** @param handle Answers one call; what it throws is told as a status. */
  constructor(now: () => number, handle: (call: IncomingCall) => Promise<CallEnd>) {
    this.#now = now
    this.#server.on('session', (session) => {
      this.#sessions.add(session)
      session.setLocalWindowSize(2 * WINDOW_BYTES)
      session.once('close', () => this.#sessions.delete(session))
      // A client that breaks its connection off ends its streams, which is all there is to do.
      session.on('error', () => undefined)
    })
    this.#server.on('stream', (stream, _: IncomingHttpHeaders, __: number, headers: RawHeaders) => {
      this.#serve(stream, headers, handle)
    })
  }

  /** Adds a service. `name` is how its calls appear in logs and metrics. */
  add<S extends ServiceDefinition>(name: string, definition: S, handlers: Handlers<S>): void {
    for (const [path, method] of localMethods(name, definition, handlers)) this.#methods.set(path, method)
  }

  /** Listens on `unix:///path`, mode 0600. @throws GantryError `already_exists` where somebody answers on it */
  async listen(endpoint: string): Promise<void> {
    const path = await claimSocket(endpoint)
    await new Promise<void>((resolve, reject) => {
      const fail = (cause: Error): void =>
        reject(new GantryError('unavailable', { action: 'listen on', subject: path, cause }))
      this.#server.once('error', fail)
      this.#server.listen(path, () => {
        this.#server.off('error', fail)
        resolve()
      })
    })
    await chmod(path, 0o600)
  }

  /** Stops taking calls; those under way have `graceMs` to end. */
  async close(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    for (const session of this.#sessions) session.close()
    const timer = setTimeout(() => {
      for (const session of this.#sessions) session.destroy()
    }, graceMs)
    await closed
    clearTimeout(timer)
  }

  #serve(stream: ServerHttp2Stream, headers: RawHeaders, handle: (call: IncomingCall) => Promise<CallEnd>): void {
    // Node ends the process where nobody listens; that the caller is gone is told by 'close'.
    stream.on('error', () => undefined)
    const path = header(headers, ':path') ?? ''
    const { context, release } = contextOf(stream, headers)
    const reply = new Reply(stream)
    const finish = this.#started(path)
    handle({ path, headers, stream, context, reply, local: this.#methods.get(path) })
      .catch((error: unknown) => reply.error(error))
      .then((end) => {
        release()
        finish(end)
      })
      // What observes facts must not end the daemon by one call.
      .catch((error: unknown) => stream.destroy(error instanceof Error ? error : new Error(String(error))))
  }

  /** Tells that a call came; the returned function tells how it ended. */
  #started(path: string): (end: CallEnd) => void {
    const started = this.#now()
    const local = this.#methods.get(path)
    const [, full = '', method = ''] = path.split('/')
    const names = { service: local?.service ?? full.slice(full.lastIndexOf('.') + 1), method: local?.name ?? method }
    publish('RpcStarted', names)
    return (end) => publish('RpcFinished', { ...names, durationMs: this.#now() - started, ...describeEnd(end) })
  }
}

/** The deadline of a call that is passed on is kept by who answers it; those we answer end by this signal. */
function contextOf(stream: ServerHttp2Stream, headers: RawHeaders): { context: CallContext; release: () => void } {
  const abort = new AbortController()
  const limit = timeoutMs(header(headers, 'grpc-timeout'))
  const endsAt = Date.now() + limit
  const timer =
    limit > MAX_TIMER_MS
      ? undefined
      : setTimeout(() => {
          abort.abort(new GantryError('deadline_exceeded', { action: 'answer call', reason: `after ${limit} ms` }))
        }, limit)
  const onClose = (): void => {
    abort.abort(new GantryError('cancelled', { action: 'answer call', reason: 'the caller went away' }))
  }
  stream.once('close', onClose)
  const release = (): void => {
    clearTimeout(timer)
    stream.off('close', onClose)
  }
  return { context: { signal: abort.signal, remainingMs: () => endsAt - Date.now() }, release }
}
