// SPDX-License-Identifier: Apache-2.0
import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import { status as grpc } from '@grpc/grpc-js'
import { messageOf } from '../../runtime-core/errors.ts'
import type { UpstreamConnection } from './connection.ts'
import { encodeDetails, frame, header, plain, type RawHeaders, Unframer, without } from './raw.ts'

const END_STREAM = 1
/** HTTP/2 "CANCEL": the stream is no longer needed. */
export const CANCEL = 8

/** How a call ended: what a client is told, with all that came beside it. */
export interface CallEnd {
  readonly code: number
  /** Trailers as they came, `grpc-status` among them. */
  readonly trailers: RawHeaders
}

/** An answer of one message, or the status that came in its place. */
export interface Answer extends CallEnd {
  /** Headers as they came; undefined where none came before the end. */
  readonly headers: RawHeaders | undefined
  readonly message: Buffer
}

/** The same question, of ours and theirs: who asks, and until when. */
export interface UpstreamRequest {
  /** Pseudo headers and metadata of the caller, `grpc-timeout` too. */
  readonly headers: RawHeaders
  readonly message: Buffer
  readonly signal: AbortSignal
}

/** Asks the node's own runtime; a runtime that is away is a status like any other. */
export async function ask(upstream: UpstreamConnection, request: UpstreamRequest): Promise<Answer> {
  const parts: Buffer[] = []
  const end = await listen(upstream, request, async (message) => {
    parts.push(message)
  })
  return { ...end, message: parts[0] ?? Buffer.alloc(0) }
}

/**
 * Asks, and hands on each message of the answer when the last was taken.
 *
 * @param take Must settle when the signal is aborted.
 */
export async function listen(
  upstream: UpstreamConnection,
  { headers, message, signal }: UpstreamRequest,
  take: (message: Buffer) => Promise<void>,
): Promise<CallEnd & Pick<Answer, 'headers'>> {
  let stream: ClientHttp2Stream
  try {
    // What we read must not come compressed, and what we send is not.
    stream = await upstream.open(without(headers, 'grpc-encoding', 'grpc-accept-encoding'))
  } catch (error) {
    return { ...unavailable(messageOf(error)), headers: undefined }
  }
  const cancel = (): void => stream.close(CANCEL)
  signal.addEventListener('abort', cancel, { once: true })
  if (signal.aborted) cancel()
  const ended = endOf(stream, upstream)
  stream.end(frame(message))
  try {
    await handOn(stream, ended.responded, take)
    return await ended.end
  } finally {
    signal.removeEventListener('abort', cancel)
    cancel()
  }
}

async function handOn(
  stream: ClientHttp2Stream,
  responded: Promise<RawHeaders | undefined>,
  take: (message: Buffer) => Promise<void>,
): Promise<void> {
  const encoding = header((await responded) ?? [], 'grpc-encoding') ?? 'identity'
  const unframer = new Unframer()
  for await (const piece of readable(stream)) {
    unframer.push(piece)
    for (let next = unframer.next(); next !== undefined; next = unframer.next()) await take(plain(next, encoding))
  }
}

/** The pieces until the end of the stream, however it ends: why is told by its trailers or their absence. */
async function* readable(stream: ClientHttp2Stream): AsyncGenerator<Buffer> {
  let wake: () => void = () => undefined
  let isOver = false
  const over = (): void => {
    isOver = true
    wake()
  }
  stream
    .on('readable', () => wake())
    .once('end', over)
    .once('close', over)
  while (true) {
    const woken = new Promise<void>((resolve) => {
      wake = resolve
    })
    const piece: Buffer | null = stream.read()
    if (piece !== null) yield piece
    else if (isOver) return
    else await woken
  }
}

/** Headers and end of a stream, listened for from its first moment. */
function endOf(stream: ClientHttp2Stream, upstream: UpstreamConnection) {
  const responded = Promise.withResolvers<RawHeaders | undefined>()
  const end = Promise.withResolvers<CallEnd & Pick<Answer, 'headers'>>()
  let headers: RawHeaders | undefined
  const finish = (trailers: RawHeaders): void => {
    end.resolve({ code: codeOf(trailers), trailers, headers })
    responded.resolve(headers)
  }
  stream.on('response', (_: IncomingHttpHeaders, flags: number, raw: RawHeaders) => {
    // "Trailers-Only": a status without an answer.
    if ((flags & END_STREAM) !== 0) finish(without(raw, ':status', 'content-type'))
    else {
      headers = raw
      responded.resolve(raw)
    }
  })
  stream.on('trailers', (_: IncomingHttpHeaders, __: number, raw: RawHeaders) => finish(raw))
  // Without a listener it would end the process; 'close' comes after it.
  stream.on('error', () => undefined)
  stream.once('close', () => {
    end.resolve({ ...lost(stream, upstream), headers })
    responded.resolve(headers)
  })
  return { responded: responded.promise, end: end.promise }
}

/** A stream that ended without a status: the connection broke, or the runtime gave it up. */
export function lost(stream: ClientHttp2Stream, upstream: UpstreamConnection): CallEnd {
  const { session, rstCode } = stream
  const isConnected = session !== undefined && !session.destroyed && !session.closed
  if (!isConnected || rstCode === 0) return unavailable(messageOf(upstream.unavailable()))
  return unavailable(messageOf(upstream.unavailable(new Error(`it reset the stream with code ${rstCode}`))))
}

function unavailable(details: string): CallEnd {
  return { code: grpc.UNAVAILABLE, trailers: statusHeaders(grpc.UNAVAILABLE, details) }
}

/** The gRPC status in headers; UNKNOWN where there is none. */
export function codeOf(headers: RawHeaders): number {
  const code = header(headers, 'grpc-status')
  return code === undefined ? grpc.UNKNOWN : Number(code)
}

/** A status as headers or trailers carry it. */
export function statusHeaders(code: number, details: string): RawHeaders {
  return ['grpc-status', String(code), ...(details === '' ? [] : ['grpc-message', encodeDetails(details)])]
}
