// SPDX-License-Identifier: Apache-2.0
import { createReadStream } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Transform, type TransformCallback } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Stored } from './content.ts'
import type { Fault } from './faults.ts'

/** Codes of the distribution API's error document (distribution-spec §error codes). */
export type ApiErrorCode =
  | 'BLOB_UNKNOWN'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_UNKNOWN'
  | 'UNAUTHORIZED'
  | 'DENIED'
  | 'UNSUPPORTED'
  | 'TOOMANYREQUESTS'
  | 'UNKNOWN'

/** Sends a JSON document and ends the response. */
export function sendJson(response: ServerResponse, status: number, document: object): void {
  const body = Buffer.from(JSON.stringify(document))
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length })
  response.end(body)
}

/** Sends an error document of the distribution API. */
export function sendError(response: ServerResponse, status: number, code: ApiErrorCode, message: string): void {
  sendJson(response, status, { errors: [{ code, message, detail: {} }] })
}

/** An inclusive range of bytes. */
interface ByteRange {
  readonly start: number
  readonly end: number
}

/**
 * Sends a manifest or blob, whole or by `Range`, with the misbehaviour that `fault` asks for. Settles when the body is
 * sent or the connection is gone.
 */
export async function sendStored(
  request: IncomingMessage,
  response: ServerResponse,
  stored: Stored,
  fault: Fault | undefined,
): Promise<void> {
  const wanted = fault?.type === 'ignore-range' ? undefined : request.headers.range
  const range = wanted === undefined ? undefined : parseRange(wanted, stored.size)
  if (range === 'unsatisfiable') {
    response.writeHead(416, { 'content-range': `bytes */${stored.size}` }).end()
    return
  }
  const { start, end } = range ?? { start: 0, end: stored.size - 1 }
  const wrong = fault?.type === 'wrong-digest-header'
  response.writeHead(range === undefined ? 200 : 206, {
    'content-type': stored.mediaType,
    'content-length': end - start + 1,
    'docker-content-digest': wrong ? `sha256:${'0'.repeat(64)}` : stored.digest,
    'accept-ranges': 'bytes',
    ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${end}/${stored.size}` }),
  })
  if (request.method === 'HEAD' || stored.size === 0) {
    response.end()
    return
  }
  await sendBody(response, stored, { start, end }, fault)
}

async function sendBody(
  response: ServerResponse,
  stored: Stored,
  range: ByteRange,
  fault: Fault | undefined,
): Promise<void> {
  const source = createReadStream(stored.path, range)
  if (fault?.type === 'truncate' || fault?.type === 'stall') {
    const limit = Math.min(fault.afterBytes, range.end - range.start + 1)
    await sendPart(response, source, limit)
    // A stalled connection is left open: its end is the client's patience or the registry's close.
    if (fault.type === 'truncate') response.destroy()
  } else {
    const flipped = fault?.type === 'corrupt' ? Math.min(fault.atByte, stored.size - 1) - range.start : undefined
    await pipeline(source, flipByte(flipped), response)
  }
}

async function sendPart(response: ServerResponse, source: AsyncIterable<Buffer>, limit: number): Promise<void> {
  let left = limit
  response.flushHeaders()
  for await (const chunk of source) {
    if (left === 0 || response.destroyed) break
    const part = chunk.subarray(0, left)
    left -= part.length
    await new Promise<void>((resolve) => response.write(part, () => resolve()))
  }
}

function flipByte(at: number | undefined): Transform {
  let passed = 0
  return new Transform({
    transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback) {
      const index = at === undefined ? -1 : at - passed
      passed += chunk.length
      const byte = chunk[index]
      if (byte !== undefined) chunk[index] = byte ^ 0xff
      done(null, chunk)
    },
  })
}

/** One range of RFC 9110 §14; several, or another unit, are answered with the whole body (undefined). */
function parseRange(header: string, size: number): ByteRange | 'unsatisfiable' | undefined {
  const found = /^bytes=(\d*)-(\d*)$/.exec(header)
  if (found === null || (found[1] === '' && found[2] === '')) return undefined
  if (found[1] === '') return { start: Math.max(0, size - Number(found[2])), end: size - 1 }
  const start = Number(found[1])
  const end = found[2] === '' ? size - 1 : Math.min(Number(found[2]), size - 1)
  return start >= size || end < start ? 'unsatisfiable' : { start, end }
}
