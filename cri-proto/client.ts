// SPDX-License-Identifier: Apache-2.0
import {
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type MethodDefinition,
  type CallOptions as WireOptions,
} from '@grpc/grpc-js'
import { ImageServiceService, RuntimeServiceService } from './generated/runtime.v1.js'

/** What a kubelet accepts in one message, bytes. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024

export interface CriClientOptions {
  /** Deadline of unary calls that name none; streams have none of their own. */
  readonly defaultTimeoutMs: number
}

export interface CallOptions {
  readonly timeoutMs?: number
  /** Cancels the call; it then fails with CANCELLED. */
  readonly signal?: AbortSignal
}

/**
 * One RPC as a function. Fields left out of the request have their default value. A unary RPC gives a promise, a server
 * stream an async iterable whose end (also by `break`) ends the call. Both fail with grpc-js' `ServiceError`: see its `code`.
 */
export type CriCall<Definition> = Definition extends {
  readonly responseStream: infer Streams
  readonly requestSerialize: (value: infer Request) => Buffer
  readonly responseDeserialize: (value: Buffer) => infer Response
}
  ? (
      request: Partial<Request>,
      options?: CallOptions,
    ) => Streams extends true ? AsyncIterable<Response> : Promise<Response>
  : never

export type CriCalls<Service> = { readonly [Name in keyof Service]: CriCall<Service[Name]> }

export interface CriClient {
  readonly runtime: CriCalls<typeof RuntimeServiceService>
  readonly image: CriCalls<typeof ImageServiceService>
  /** Resolves when the socket is connected; rejects when it is not within `timeoutMs`. */
  ready(timeoutMs: number): Promise<void>
  /** Drops the connection; calls under way fail with CANCELLED or UNAVAILABLE. */
  close(): void
}

type AnyMethod = MethodDefinition<object, object>

/**
 * A client of a CRI endpoint, `unix:///run/gantry/gantry.sock`. Connects on the first call and again after a loss.
 *
 * @throws TypeError when the endpoint is not an absolute unix socket address.
 */
export function createCriClient(endpoint: string, options: CriClientOptions): CriClient {
  if (!endpoint.startsWith('unix:///')) throw new TypeError(`CRI endpoint "${endpoint}": expected unix:///path`)
  const client = new Client(endpoint, credentials.createInsecure(), {
    'grpc.default_authority': 'localhost',
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    // A connection of its own: closing one client, or measuring it, must not touch another in the same process.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.initial_reconnect_backoff_ms': 20,
    'grpc.max_reconnect_backoff_ms': 500,
  })
  return {
    runtime: callsOf(client, RuntimeServiceService, options),
    image: callsOf(client, ImageServiceService, options),
    ready: (timeoutMs) =>
      new Promise((resolve, reject) => {
        client.waitForReady(Date.now() + timeoutMs, (error) => (error === undefined ? resolve() : reject(error)))
      }),
    close: () => client.close(),
  }
}

function callsOf<Service extends object>(
  client: Client,
  service: Service,
  { defaultTimeoutMs }: CriClientOptions,
): CriCalls<Service> {
  const calls: Record<string, unknown> = {}
  for (const [name, method] of Object.entries(service) as [string, AnyMethod][]) {
    // Decoding nothing gives the message with every field at its default.
    const complete = (request: object) => ({ ...method.requestDeserialize(Buffer.alloc(0)), ...request })
    calls[name] = method.responseStream
      ? (request: object, options: CallOptions = {}) => stream(client, method, complete(request), options)
      : (request: object, options: CallOptions = {}) =>
          unary(client, method, complete(request), { timeoutMs: defaultTimeoutMs, ...options })
  }
  return calls as CriCalls<Service>
}

function wireOptions({ timeoutMs }: CallOptions): WireOptions {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs }
}

function unary(client: Client, method: AnyMethod, request: object, options: CallOptions): Promise<object> {
  return new Promise((resolve, reject) => {
    const cancel = () => call.cancel()
    const call = client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      new Metadata(),
      wireOptions(options),
      (error, response) => {
        options.signal?.removeEventListener('abort', cancel)
        if (error !== null) reject(error)
        else if (response === undefined) reject(new TypeError(`${method.path}: no answer and no error`))
        else resolve(response)
      },
    )
    onAbort(options.signal, cancel)
  })
}

function stream(client: Client, method: AnyMethod, request: object, options: CallOptions): AsyncIterable<object> {
  const call = client.makeServerStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    request,
    new Metadata(),
    wireOptions(options),
  )
  const cancel = () => call.cancel()
  onAbort(options.signal, cancel)
  return drain(call, () => {
    options.signal?.removeEventListener('abort', cancel)
    cancel()
  })
}

function onAbort(signal: AbortSignal | undefined, cancel: () => void): void {
  if (signal?.aborted === true) cancel()
  else signal?.addEventListener('abort', cancel, { once: true })
}

/**
 * The items of a stream, then its error if it had one. Listens from the start, not from the first `next()`: grpc-js
 * emits the error once, and nobody listening would end the process.
 */
function drain(call: ClientReadableStream<object>, release: () => void): AsyncIterable<object> {
  let failure: Error | undefined
  let ended = false
  let wake: () => void = () => undefined
  call.on('error', (error) => {
    failure = error
    wake()
  })
  call.on('end', () => {
    ended = true
    wake()
  })
  call.on('readable', () => wake())

  async function* items(): AsyncGenerator<object> {
    try {
      while (true) {
        const woken = new Promise<void>((resolve) => {
          wake = resolve
        })
        const item: object | null = call.read()
        if (item !== null) yield item
        else if (failure !== undefined) throw failure
        else if (ended) return
        else await woken
      }
    } finally {
      release()
    }
  }
  return items()
}
