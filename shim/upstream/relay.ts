// SPDX-License-Identifier: Apache-2.0
import type { ClientHttp2Stream, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { CANCEL, type CallEnd, codeOf, lost, statusHeaders } from './call.ts'
import type { UpstreamConnection } from './connection.ts'
import type { RawHeaders } from './raw.ts'
import { Reply, respondRaw, trailerObject } from './reply.ts'

const END_STREAM = 1
/** What a client is told of a stream that was given up by itself. */
const CANCELLED: CallEnd = { code: 1, trailers: statusHeaders(1, '') }

/**
 * Passes a call on as it is: headers, messages and trailers in both directions, byte for byte, whatever it is and however
 * many messages it has. Its deadline is in its headers; that it was given up is passed on too.
 *
 * @param read What was read of the request already.
 * @returns how it ended
 */
export async function relay(
  stream: ServerHttp2Stream,
  headers: RawHeaders,
  read: readonly Buffer[],
  upstream: UpstreamConnection,
): Promise<CallEnd> {
  let onward: ClientHttp2Stream
  try {
    onward = await upstream.open(headers)
  } catch (error) {
    return new Reply(stream).error(error)
  }
  if (stream.destroyed) {
    onward.on('error', () => undefined)
    onward.close(CANCEL)
    return CANCELLED
  }
  const end = passBack(stream, onward, upstream)
  for (const piece of read) onward.write(piece)
  if (stream.readableEnded) onward.end()
  else stream.pipe(onward)
  return end
}

function passBack(
  stream: ServerHttp2Stream,
  onward: ClientHttp2Stream,
  upstream: UpstreamConnection,
): Promise<CallEnd> {
  const { promise, resolve } = Promise.withResolvers<CallEnd>()
  let trailers: RawHeaders | undefined
  // Both have listeners for errors, as Node asks; what follows from them is told by 'close'.
  onward.on('error', () => undefined)
  onward.on('response', (_: IncomingHttpHeaders, flags: number, raw: RawHeaders) => {
    if (stream.destroyed || stream.closed) return
    if ((flags & END_STREAM) !== 0) {
      trailers = raw
      respondRaw(stream, raw, 'ends')
      return
    }
    respondRaw(stream, raw, 'goes on')
    stream.once('wantTrailers', () => stream.sendTrailers(trailerObject(trailers ?? [])))
    onward.on('end', () => {
      if (trailers !== undefined) stream.end()
    })
    onward.pipe(stream, { end: false })
  })
  onward.on('trailers', (_: IncomingHttpHeaders, __: number, raw: RawHeaders) => {
    trailers = raw
  })
  stream.once('close', () => {
    onward.close(CANCEL)
    resolve(trailers === undefined ? CANCELLED : { code: codeOf(trailers), trailers })
  })
  onward.once('close', () => {
    if (trailers !== undefined || stream.destroyed) return
    resolve(breakOff(stream, onward, upstream))
  })
  return promise
}

/** The runtime behind us gave no status: its own reset is passed on, a lost connection is told in words. */
function breakOff(stream: ServerHttp2Stream, onward: ClientHttp2Stream, upstream: UpstreamConnection): CallEnd {
  const end = lost(onward, upstream)
  if (onward.session !== undefined && !onward.session.destroyed && onward.rstCode !== 0) stream.close(onward.rstCode)
  else if (stream.headersSent) {
    stream.removeAllListeners('wantTrailers')
    stream.once('wantTrailers', () => stream.sendTrailers(trailerObject(end.trailers)))
    stream.end()
  } else new Reply(stream).status(end)
  return end
}
