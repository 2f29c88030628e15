// SPDX-License-Identifier: Apache-2.0
import { chmod } from 'node:fs/promises'
import {
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { MAX_MESSAGE_BYTES } from '../../cri-proto/index.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import { publish } from '../events/channels.ts'
import { statusName, toServiceError } from './errors.ts'
import { EncodedMessage } from './fragments.ts'
import { claimSocket } from './socket.ts'

/** What a handler knows of its call beside the request. */
export interface CallContext {
  /** Aborted when the caller cancels or its deadline passes. */
  readonly signal: AbortSignal
  /** Milliseconds the caller still waits; Infinity without a deadline. */
  readonly remainingMs: () => number
}

/** Handlers of a service by method name; a method without one answers UNIMPLEMENTED. */
export type Handlers<S> = { readonly [M in keyof S]?: Handler<S[M]> }

/** A unary method gives its answer; one that streams, its messages: the next is asked for when the last was sent. */
type Handler<Method> = Method extends MethodDefinition<infer Request, infer Response> & {
  readonly responseStream: infer Streams
}
  ? (
      request: Request,
      context: CallContext,
    ) => Streams extends true
      ? Messages<Response | EncodedMessage>
      : Response | EncodedMessage | Promise<Response | EncodedMessage>
  : never

/** What a method that streams gives. */
export type Messages<T> = Iterable<T> | AsyncIterable<T>
/** A handler whose types are those of a definition at hand. */
export type AnyHandler = (request: unknown, context: CallContext) => unknown
type AnyCall = ServerUnaryCall<unknown, unknown> | ServerWritableStream<unknown, unknown>

/** Serves CRI services on a unix socket. */
export class GrpcServer {
  readonly #server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    // A kubelet has a few dozen calls in flight; this bounds a client gone wild.
    'grpc.max_concurrent_streams': 1000,
  })
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  /** Adds a service. `name` is how its calls appear in logs and metrics. */
  add<S extends ServiceDefinition>(name: string, definition: S, handlers: Handlers<S>): void {
    const implementation: UntypedServiceImplementation = {}
    for (const [method, spec] of Object.entries(definition)) {
      const label = spec.path.slice(spec.path.lastIndexOf('/') + 1)
      const handler = (handlers as Record<string, AnyHandler | undefined>)[method]
      implementation[method] = spec.responseStream
        ? this.#streaming(name, label, handler)
        : this.#unary(name, label, handler)
    }
    this.#server.addService(passingEncoded(definition), implementation)
  }

  /**
   * Listens on `unix:///path`, mode 0600. A stale socket is replaced.
   *
   * @throws GantryError `already_exists` where somebody answers on it.
   */
  async listen(endpoint: string): Promise<void> {
    const path = await claimSocket(endpoint)
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(`unix://${path}`, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve()
        else reject(new GantryError('unavailable', { action: 'listen on', subject: path, cause: error }))
      })
    })
    await chmod(path, 0o600)
  }

  /** Stops taking calls; those under way have `graceMs` to end. */
  async close(graceMs: number): Promise<void> {
    const timer = setTimeout(() => this.#server.forceShutdown(), graceMs)
    await new Promise<void>((resolve) => {
      this.#server.tryShutdown(() => resolve())
    })
    clearTimeout(timer)
  }

  #unary(service: string, method: string, handler: AnyHandler | undefined) {
    return (call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>): void => {
      const finish = this.#started(service, method)
      run(handler, method, call).then(
        (response) => {
          finish(0)
          callback(null, response)
        },
        (error: unknown) => {
          const answer = toServiceError(error)
          finish(answer.code, answer.details)
          callback(answer)
        },
      )
    }
  }

  #streaming(service: string, method: string, handler: AnyHandler | undefined) {
    return (call: ServerWritableStream<unknown, unknown>): void => {
      const finish = this.#started(service, method)
      sendAll(handler, method, call).then(
        () => {
          finish(0)
          call.end()
        },
        (error: unknown) => {
          const answer = toServiceError(error)
          finish(answer.code, answer.details)
          // What was sent before it still reaches the caller, then this as the status of the call.
          call.emit('error', answer)
        },
      )
    }
  }

  /** Tells that a call came; the returned function tells how it ended. */
  #started(service: string, method: string): (code: number, error?: string) => void {
    const started = this.#now()
    publish('RpcStarted', { service, method })
    return (code, error) => {
      const durationMs = this.#now() - started
      const text = error === undefined ? {} : { error }
      publish('RpcFinished', { service, method, code: statusName(code), durationMs, ...text })
    }
  }
}

async function run(handler: AnyHandler | undefined, method: string, call: AnyCall): Promise<unknown> {
  if (handler === undefined) throw unimplemented(method)
  return handler(call.request, contextOf(call))
}

/** One message at a time: the next is asked for when the transport took the last, so a slow reader costs no memory. */
async function sendAll(
  handler: AnyHandler | undefined,
  method: string,
  call: ServerWritableStream<unknown, unknown>,
): Promise<void> {
  if (handler === undefined) throw unimplemented(method)
  const context = contextOf(call)
  // Headers at once: whoever waits for events knows by them that none is missed from now on.
  call.sendMetadata(new Metadata())
  for await (const message of handler(call.request, context) as Messages<unknown>) {
    await send(call, message, context.signal)
  }
  context.signal.throwIfAborted()
}

/** Resolves when the message has gone out; a call that is cancelled meanwhile never tells. */
function send(call: ServerWritableStream<unknown, unknown>, message: unknown, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  else call.write(message, (error: Error | null | undefined) => (error ? reject(error) : resolve()))
  return promise.finally(() => signal.removeEventListener('abort', onAbort))
}

function contextOf(call: AnyCall): CallContext {
  const abort = new AbortController()
  call.on('cancelled', () => {
    abort.abort(new GantryError('cancelled', { action: 'answer call', reason: 'the caller went away' }))
  })
  const deadline = call.getDeadline()
  const endsAt = deadline instanceof Date ? deadline.getTime() : Number(deadline)
  return { signal: abort.signal, remainingMs: () => endsAt - Date.now() }
}

/** The same service, whose answers may come encoded. */
function passingEncoded(definition: ServiceDefinition): ServiceDefinition {
  const methods = Object.entries(definition).map(([name, method]) => {
    const responseSerialize = (value: unknown): Buffer =>
      value instanceof EncodedMessage ? value.bytes : method.responseSerialize(value)
    return [name, { ...method, responseSerialize }]
  })
  return Object.fromEntries(methods)
}

/** What a method without a handler answers. */
export function unimplemented(method: string): GantryError {
  return new GantryError('unimplemented', { action: 'call', subject: method, reason: 'not supported by this release' })
}
