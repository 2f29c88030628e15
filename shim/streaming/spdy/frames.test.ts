// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../../e2e/harness/seeded-random.ts'
import { GantryError } from '../../../runtime-core/errors.ts'
import { CONTROL, controlFrame, dataHead, type Frame, FrameParser, MAX_CONTROL_BYTES } from './frames.ts'

const SYN = controlFrame(CONTROL.synStream, 1, [7, 0], Buffer.from([0, 0, 1, 2, 3]))
const ALL = Buffer.concat([
  SYN,
  dataHead(7, 5, false),
  Buffer.from('hello'),
  controlFrame(CONTROL.ping, 0, [3]),
  controlFrame(CONTROL.windowUpdate, 0, [0, 4096]),
  controlFrame(CONTROL.settings, 0, [1, 7, 100_000]),
  controlFrame(CONTROL.rstStream, 0, [7, 5]),
  dataHead(9, 0, true),
  controlFrame(CONTROL.headers, 0, [9], Buffer.from([9])),
  controlFrame(CONTROL.goAway, 0, [9, 0]),
])

/** Frames of bytes that arrive in pieces of `size`, pieces of data put together again. */
function parse(bytes: Buffer, size: number): Frame[] {
  const parser = new FrameParser()
  const frames: Frame[] = []
  for (let at = 0; at < bytes.length; at += size) {
    for (const frame of parser.push(bytes.subarray(at, at + size))) {
      const last = frames.at(-1)
      if (frame.kind === 'data' && last?.kind === 'data' && last.streamId === frame.streamId && !last.fin) {
        frames[frames.length - 1] = { ...frame, payload: Buffer.concat([last.payload, frame.payload]) }
      } else frames.push(frame)
    }
  }
  return frames
}

test('every kind of frame is read', () => {
  assert.equal(parse(ALL, ALL.length), [
    { kind: 'synStream', streamId: 7, fin: true, block: Buffer.from([1, 2, 3]) },
    { kind: 'data', streamId: 7, fin: false, payload: Buffer.from('hello') },
    { kind: 'ping', id: 3 },
    { kind: 'windowUpdate', streamId: 0, bytes: 4096 },
    { kind: 'initialWindow', bytes: 100_000 },
    { kind: 'reset', streamId: 7 },
    { kind: 'data', streamId: 9, fin: true, payload: Buffer.alloc(0) },
    { kind: 'headers', streamId: 9, fin: false, block: Buffer.from([9]) },
    { kind: 'goAway' },
  ])
})

test('it does not matter in which pieces a connection delivers them', () => {
  const whole = parse(ALL, ALL.length)
  for (const size of [1, 2, 3, 7, 8, 9, 13]) assert.equal(parse(ALL, size), whole, `pieces of ${size}`)
})

test('a long data frame is handed on as it comes, and only its last piece ends the stream', () => {
  const parser = new FrameParser()
  assert.equal(parser.push(dataHead(1, 10_000_000, true)), [])
  const [first] = parser.push(Buffer.alloc(9_999_999))
  const [last] = parser.push(Buffer.alloc(1))
  assert.is(first?.kind === 'data' && first.fin, false)
  assert.is(last?.kind === 'data' && last.fin, true)
})

const word = (value: number): Buffer => Buffer.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
const BAD: Readonly<Record<string, Buffer>> = {
  'another version': Buffer.from([0x80, 2, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1]),
  'an unknown type': controlFrame(10, 0, [1]),
  'a SYN_REPLY, for the server opens no streams': controlFrame(CONTROL.synReply, 0, [2]),
  'a SYN_STREAM that is too short': controlFrame(CONTROL.synStream, 0, [1]),
  'a PING that is too long': controlFrame(CONTROL.ping, 0, [1, 2]),
  'a PING with flags': controlFrame(CONTROL.ping, 1, [1]),
  'a GOAWAY that is too short': controlFrame(CONTROL.goAway, 0, [1]),
  'a WINDOW_UPDATE of a wrong length': controlFrame(CONTROL.windowUpdate, 0, [1]),
  'SETTINGS that promise more than they hold': controlFrame(CONTROL.settings, 0, [3, 7, 1]),
  'SETTINGS that promise four thousand million entries': controlFrame(CONTROL.settings, 0, [0xffff_ffff]),
  'data of stream 0': dataHead(0, 0, true),
  'a stream 0 that is opened': controlFrame(CONTROL.synStream, 0, [0, 0], Buffer.of(0, 0)),
  'a control frame beyond the bound': Buffer.concat([Buffer.from([0x80, 3, 0, 1]), word(MAX_CONTROL_BYTES + 1)]),
}

for (const [what, bytes] of Object.entries(BAD)) {
  test(`${what} is refused`, () => {
    assert.throws(
      () => parse(bytes, 1),
      (error: unknown) => error instanceof GantryError && error.code === 'invalid_argument',
    )
  })
}

const EACH = [
  SYN,
  Buffer.concat([dataHead(7, 5, false), Buffer.from('hello')]),
  controlFrame(CONTROL.ping, 0, [3]),
  controlFrame(CONTROL.windowUpdate, 0, [0, 4096]),
  controlFrame(CONTROL.settings, 0, [1, 7, 100_000]),
  controlFrame(CONTROL.rstStream, 0, [7, 5]),
  controlFrame(CONTROL.headers, 0, [9], Buffer.from([9])),
  controlFrame(CONTROL.goAway, 0, [9, 0]),
]

test('a hundred thousand mutated frames give frames or a refusal, never anything else', () => {
  const random = seededRandom(20_260_801)
  const below = (limit: number): number => Math.floor(random() * limit)
  let [read, refused] = [0, 0]
  let parser = new FrameParser()
  for (let round = 0; round < 100_000; round++) {
    // A length that was changed swallows what follows: now and then a fresh connection.
    if (round % 8 === 0) parser = new FrameParser()
    const bytes = Buffer.from(EACH[below(EACH.length)] ?? SYN)
    for (let change = below(3); change > 0; change--) bytes[below(bytes.length)] = below(256)
    try {
      for (const { kind } of parser.push(bytes.subarray(0, bytes.length - (below(10) === 0 ? 1 : 0)))) {
        assert.type(kind, 'string')
        read++
      }
    } catch (error) {
      assert.instance(error, GantryError, String(error))
      parser = new FrameParser()
      refused++
    }
  }
  assert.ok(
    refused > 10_000 && read > 30_000,
    `${read} read, ${refused} refused: the mutations are too tame or too wild`,
  )
})

test.run()
