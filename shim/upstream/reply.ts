// SPDX-License-Identifier: Apache-2.0
import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { GantryError } from '../../runtime-core/errors.ts'
import { statusName, toServiceError } from '../server/errors.ts'
import { type CallEnd, statusHeaders } from './call.ts'
import { decodeDetails, frame, header, type RawHeaders, without } from './raw.ts'

const OK_HEADERS: RawHeaders = [':status', '200', 'content-type', 'application/grpc']

/** The answering side of a call: one of `message`, `status` or `start` with `send` and `finish`. */
export class Reply {
  readonly #stream: ServerHttp2Stream

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream
  }

  /** An answer of one message. @param from The answer it was made from: its metadata goes with it. */
  message(
    bytes: Uint8Array,
    from?: { readonly headers: RawHeaders | undefined; readonly trailers: RawHeaders },
  ): CallEnd {
    const end: CallEnd = { code: 0, trailers: from?.trailers ?? statusHeaders(0, '') }
    if (!this.#canRespond) return end
    this.#respond(from?.headers, end)
    this.#stream.end(frame(bytes))
    return end
  }

  /** A status in place of an answer, or of the rest of one. */
  status(end: CallEnd): CallEnd {
    if (this.#stream.headersSent) return this.finish(end)
    if (this.#canRespond) respondRaw(this.#stream, [...OK_HEADERS, ...end.trailers], 'ends')
    return end
  }

  /** What an error of ours tells a client. */
  error(error: unknown): CallEnd {
    const { code, details } = toServiceError(error)
    return this.status({ code, trailers: statusHeaders(code, details) })
  }

  /** Headers of an answer of several messages: whoever subscribes knows by them that nothing is missed from now on. */
  start(): void {
    if (!this.#canRespond) return
    respondRaw(this.#stream, OK_HEADERS, 'goes on')
    this.#stream.on('wantTrailers', () => this.#stream.sendTrailers(trailerObject(this.#trailers)))
  }

  #trailers: RawHeaders = statusHeaders(0, '')

  /** Resolves when the message has gone out. @throws the signal's reason */
  async send(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#stream.write(frame(bytes), (error) => (error ? reject(gone()) : resolve()))
    await promise.finally(() => signal.removeEventListener('abort', onAbort))
  }

  finish(end: CallEnd): CallEnd {
    this.#trailers = end.trailers
    if (!this.#stream.destroyed && !this.#stream.writableEnded) this.#stream.end()
    return end
  }

  get #canRespond(): boolean {
    return !this.#stream.destroyed && !this.#stream.closed && !this.#stream.headersSent
  }

  #respond(headers: RawHeaders | undefined, { trailers }: CallEnd): void {
    // Our message is not compressed, whatever the one was that it was made from.
    respondRaw(this.#stream, headers === undefined ? OK_HEADERS : without(headers, 'grpc-encoding'), 'goes on')
    this.#stream.on('wantTrailers', () => this.#stream.sendTrailers(trailerObject(trailers)))
  }
}

/** Sends headers as they came, names that are there twice included, and no others. */
export function respondRaw(stream: ServerHttp2Stream, headers: RawHeaders, rest: 'ends' | 'goes on'): void {
  // Node takes headers as a list, but its types do not know it yet. A list is sent as it is: no "date" is added.
  stream.respond(headers as never, rest === 'ends' ? { endStream: true } : { waitForTrailers: true })
}

/** Trailers in the form that Node takes. */
export function trailerObject(trailers: RawHeaders): OutgoingHttpHeaders {
  const named: Record<string, string[]> = {}
  for (let at = 0; at + 1 < trailers.length; at += 2) {
    const name = trailers[at] ?? ''
    named[name] = [...(named[name] ?? []), trailers[at + 1] ?? '']
  }
  return Object.fromEntries(
    Object.entries(named).map(([name, values]) => [name, values.length === 1 ? values[0] : values]),
  )
}

/** How a call ended in words, for facts. */
export function describeEnd({ code, trailers }: CallEnd): { code: string; error?: string } {
  const details = decodeDetails(header(trailers, 'grpc-message') ?? '')
  return { code: statusName(code), ...(details === '' ? {} : { error: details }) }
}

function gone(): GantryError {
  return new GantryError('cancelled', { action: 'answer call', reason: 'the caller went away' })
}
