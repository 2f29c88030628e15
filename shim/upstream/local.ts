// SPDX-License-Identifier: Apache-2.0
import type { ServiceDefinition } from '@grpc/grpc-js'
import { EncodedMessage } from '../server/fragments.ts'
import { type AnyHandler, type CallContext, type Handlers, type Messages, unimplemented } from '../server/grpc.ts'

/** A method of ours, from bytes to bytes. */
export class LocalMethod {
  /** How its calls appear in logs and metrics. */
  readonly service: string
  readonly name: string
  readonly streams: boolean
  readonly #decode: (bytes: Buffer) => unknown
  readonly #encode: (value: never) => Buffer
  readonly #handler: AnyHandler | undefined

  constructor(service: string, method: ServiceDefinition[string], handler: AnyHandler | undefined) {
    this.service = service
    this.name = method.path.slice(method.path.lastIndexOf('/') + 1)
    this.streams = method.responseStream
    this.#decode = method.requestDeserialize
    this.#encode = method.responseSerialize
    this.#handler = handler
  }

  /** The answer of a unary method. */
  async answer(request: Buffer, context: CallContext): Promise<Buffer> {
    return this.#encoded(await this.#run(request, context))
  }

  /** The answers of one that streams. */
  async *messages(request: Buffer, context: CallContext): AsyncGenerator<Buffer> {
    for await (const message of this.#run(request, context) as Messages<unknown>) yield this.#encoded(message)
  }

  #run(request: Buffer, context: CallContext): unknown {
    if (this.#handler === undefined) throw unimplemented(this.name)
    return this.#handler(this.#decode(request), context)
  }

  #encoded(answer: unknown): Buffer {
    return answer instanceof EncodedMessage ? answer.bytes : this.#encode(answer as never)
  }
}

/** The methods of a service by their paths. */
export function localMethods<S extends ServiceDefinition>(
  service: string,
  definition: S,
  handlers: Handlers<S>,
): Map<string, LocalMethod> {
  const all = handlers as Record<string, AnyHandler | undefined>
  return new Map(
    Object.entries(definition).map(([name, method]) => [method.path, new LocalMethod(service, method, all[name])]),
  )
}
