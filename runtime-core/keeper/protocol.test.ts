// SPDX-License-Identifier: Apache-2.0

import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../errors.ts'
import {
  decodeRecord,
  encodeFrame,
  encodePayload,
  FAILED_CLONE,
  FAILED_IO,
  type Frame,
  FrameReader,
  IO,
  PROCESS_KIND,
  PROTOCOL_VERSION,
  REPLY,
  REQUEST,
} from './protocol.ts'

const STATUS = encodeFrame(REPLY.status, 0, 7, Buffer.from([1, 0, 0, 0]))
const OUTPUT = encodeFrame(REPLY.output, 2, 9, Buffer.from('some output'))

/** All frames of a byte stream that comes in pieces of `size`; output of one call is put together again. */
function readInPieces(bytes: Buffer, size: number): string[] {
  const reader = new FrameReader()
  const frames: Frame[] = []
  for (let at = 0; at < bytes.length; at += size) frames.push(...reader.push(bytes.subarray(at, at + size)))
  const said: string[] = []
  let last: Frame | undefined
  for (const frame of frames) {
    const text = frame.payload.toString('latin1')
    const isMore = frame.type === REPLY.output && last?.type === REPLY.output && last.id === frame.id
    if (isMore) said.push(`${said.pop()}${text}`)
    else said.push(`${frame.type} ${frame.flags} ${frame.id} ${text}`)
    last = frame
  }
  return said
}

test('frames are understood in whatever pieces they come', () => {
  const bytes = Buffer.concat([STATUS, OUTPUT, STATUS])
  const whole = readInPieces(bytes, bytes.length)
  assert.equal(whole, ['67 0 7 \x01\0\0\0', '69 2 9 some output', '67 0 7 \x01\0\0\0'])
  for (let size = 1; size < bytes.length; size++) assert.equal(readInPieces(bytes, size), whole, `${size} bytes each`)
})

test('output without bytes is its end', () => {
  assert.equal(readInPieces(encodeFrame(REPLY.output, 1, 3, Buffer.alloc(0)), 5), ['69 1 3 '])
})

test('a frame longer than any keeper sends is refused', () => {
  const head = Buffer.alloc(12)
  head.writeUInt32LE((16 << 20) + 1, 0)
  assert.throws(
    () => new FrameReader().push(head),
    (error: unknown) => hasCode(error, 'internal') && /frame of 16777217 bytes/.test(error.message),
  )
})

test('strings of a payload are counted in bytes and end with a NUL', () => {
  assert.equal(
    [...encodePayload([0xffff_ffff], ['ü', ''], Buffer.from([9]))],
    [255, 255, 255, 255, 2, 0, 0xc3, 0xbc, 0, 0, 0, 0, 9],
  )
})

function recordOf(state: number, status: number): Buffer {
  const record = Buffer.alloc(53)
  for (const [index, word] of [1, state, 42, status, 1, 6].entries()) record.writeUInt32LE(word, index * 4)
  record.writeBigUInt64LE(11n, 24)
  record.writeBigUInt64LE(12n, 32)
  record.writeBigUInt64LE(13n, 40)
  record.writeUInt16LE(3, 48)
  record.write('abc', 50)
  return record
}

test('the record of a process that ended tells how; of a living one it does not', () => {
  assert.equal(decodeRecord(recordOf(3, 9), 0), {
    record: {
      id: 'abc',
      kind: 'container',
      state: 'exited',
      pid: 42,
      exit: { exitCode: 137, signal: 9, oomKilled: true, finishedAtNs: 12n },
      startedAtNs: 11n,
      lostLogBytes: 13n,
    },
    next: 53,
  })
  assert.is(decodeRecord(recordOf(1, 9), 0).record.exit, undefined)
  assert.is(decodeRecord(Buffer.concat([Buffer.alloc(5), recordOf(1, 9)]), 5).record.id, 'abc')
})

/** Numbers that both sides write by hand. */
test('the keeper’s header has the same numbers', () => {
  const header = ['keeper.h', 'birth.h'].map((name) => readFileSync(new URL(name, import.meta.url), 'utf8')).join('')
  const numbers = (names: string): string => header.slice(header.indexOf(names)).split('\n', 3).join(' ')
  assert.match(header, new RegExp(`#define PROTOCOL_VERSION ${PROTOCOL_VERSION}u`))
  assert.match(header, new RegExp(`#define FAILED_CLONE 0x${FAILED_CLONE.toString(16)}u`))
  assert.match(header, new RegExp(`#define FAILED_IO 0x${FAILED_IO.toString(16)}u`))
  assert.match(
    numbers('enum io_flags'),
    new RegExp(
      Object.values(IO)
        .map((bit) => `= ${bit}`)
        .join('.*'),
    ),
  )
  assert.match(
    numbers('enum process_kind'),
    new RegExp(
      Object.values(PROCESS_KIND)
        .map((kind) => `= ${kind}`)
        .join('.*'),
    ),
  )
  const order = [...(/enum request_type \{([^}]*)\}/.exec(header)?.[1] ?? '').matchAll(/REQ_\w+/g)].map(
    ([name]) => name,
  )
  assert.is(order.length, Object.keys(REQUEST).length)
  const snake = (name: string): string => `REQ_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
  assert.equal(order, Object.keys(REQUEST).map(snake))
})

test.run()
