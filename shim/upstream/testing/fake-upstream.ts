// SPDX-License-Identifier: Apache-2.0
import {
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { ImageServiceService, RuntimeServiceService } from '../../../cri-proto/index.ts'

/** What a call brought, and how to answer it: by bytes, as the real one's messages are not ours to know. */
export interface FakeCall {
  readonly path: string
  readonly request: Buffer
  readonly metadata: Metadata
  /** Milliseconds until the caller's deadline. */
  readonly remainingMs: number
  readonly cancelled: Promise<void>
}

/** An answer's bytes, or a status; a list of answers for what streams. */
export interface FakeAnswer {
  readonly messages?: readonly Buffer[]
  readonly code?: number
  readonly details?: string
  readonly header?: Metadata
  readonly trailer?: Metadata
  /** A stream stays open until then. */
  readonly until?: Promise<void>
}

export type FakeHandler = (call: FakeCall) => FakeAnswer | Promise<FakeAnswer>

const PLAIN = { requestStream: false, requestSerialize: same, requestDeserialize: same }

/** A method that our `.proto` does not know. */
export const NEW_UNARY = '/runtime.v2.FutureService/Hibernate'
export const NEW_STREAM = '/runtime.v2.FutureService/Dream'

/** A CRI runtime made of answers, by grpc-js, which shares nothing with what is tested. */
export class FakeUpstream {
  readonly calls: FakeCall[] = []
  readonly #endpoint: string
  readonly #handlers = new Map<string, FakeHandler>()
  #server: Server | undefined

  /** @param endpoint `unix:///path` */
  constructor(endpoint: string) {
    this.#endpoint = endpoint
  }

  /** Answers a method, by its name or its path; those that are not answered are UNIMPLEMENTED. */
  on(method: string, handler: FakeHandler): void {
    this.#handlers.set(method, handler)
  }

  async start(): Promise<void> {
    const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 })
    const services = { ...RuntimeServiceService, ...ImageServiceService }
    const known = Object.values(services).map(({ path, responseStream }) => ({ path, responseStream }))
    const all = [...known, { path: NEW_UNARY, responseStream: false }, { path: NEW_STREAM, responseStream: true }]
    for (const { path, responseStream } of all) {
      const method: MethodDefinition<Buffer, Buffer> = {
        ...PLAIN,
        path,
        responseStream,
        responseSerialize: same,
        responseDeserialize: same,
      }
      server.addService({ [path]: method }, { [path]: responseStream ? this.#streaming(path) : this.#unary(path) })
    }
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(this.#endpoint, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      )
    })
    this.#server = server
  }

  /** Breaks every connection, as a runtime that is killed does. */
  kill(): void {
    this.#server?.forceShutdown()
    this.#server = undefined
  }

  #unary(path: string) {
    return (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>): void => {
      this.#answer(path, call, call.request).then(({ messages = [], code = 0, details = '', header, trailer }) => {
        if (header !== undefined) call.sendMetadata(header)
        if (code === 0) callback(null, messages[0] ?? Buffer.alloc(0), trailer)
        else callback({ code, details, metadata: trailer ?? new Metadata() })
      }, callback)
    }
  }

  #streaming(path: string) {
    return (call: ServerWritableStream<Buffer, Buffer>): void => {
      const send = async (): Promise<void> => {
        const {
          messages = [],
          code = 0,
          details = '',
          header,
          trailer,
          until,
        } = await this.#answer(path, call, call.request)
        call.sendMetadata(header ?? new Metadata())
        for (const message of messages) call.write(message)
        await until
        if (code === 0) call.end(trailer)
        else call.emit('error', { code, details, metadata: trailer ?? new Metadata() })
      }
      send().catch((error: unknown) => call.emit('error', error))
    }
  }

  async #answer(
    path: string,
    call: ServerUnaryCall<Buffer, Buffer> | ServerWritableStream<Buffer, Buffer>,
    request: Buffer,
  ): Promise<FakeAnswer> {
    const deadline = call.getDeadline()
    const seen: FakeCall = {
      path,
      request,
      metadata: call.metadata,
      remainingMs: Number(deadline) - Date.now(),
      cancelled: new Promise((resolve) => call.once('cancelled', () => resolve())),
    }
    this.calls.push(seen)
    const handler = this.#handlers.get(path) ?? this.#handlers.get(path.slice(path.lastIndexOf('/') + 1))
    return handler === undefined ? { code: 12, details: 'the fake has no answer' } : handler(seen)
  }
}

function same(bytes: Buffer): Buffer {
  return bytes
}
