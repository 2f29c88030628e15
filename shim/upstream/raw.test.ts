// SPDX-License-Identifier: Apache-2.0
import { gzipSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom, suiteSeed } from '../../e2e/harness/seeded-random.ts'
import { decodeDetails, encodeDetails, frame, plain, timeoutMs, Unframer, without } from './raw.ts'

test('messages come out of their pieces however they were cut', () => {
  const random = seededRandom(suiteSeed())
  for (let round = 0; round < 200; round++) {
    const messages = Array.from({ length: 5 }, () => Buffer.alloc(random() * 300, Math.floor(random() * 256)))
    const stream = Buffer.concat(messages.map((message) => frame(message)))
    const unframer = new Unframer()
    const found: Buffer[] = []
    for (let at = 0; at < stream.length; ) {
      const end = at + 1 + Math.floor(random() * 100)
      unframer.push(stream.subarray(at, end))
      for (let next = unframer.next(); next !== undefined; next = unframer.next()) found.push(next.bytes)
      at = end
    }
    assert.equal(found, messages)
  }
})

test('a message that says it is larger than any limit is refused before it is there', () => {
  const unframer = new Unframer()
  unframer.push(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]))
  assert.throws(() => unframer.next(), /4294967295 bytes/)
})

test('a compressed message is read where its compression is known, and no further than the limit', () => {
  assert.equal(plain({ isCompressed: true, bytes: gzipSync('text') }, 'gzip'), Buffer.from('text'))
  assert.throws(() => plain({ isCompressed: true, bytes: Buffer.from('x') }, 'gzip'), /grpc-encoding "gzip"/)
  assert.throws(() => plain({ isCompressed: true, bytes: Buffer.from('x') }, 'snappy'), /"snappy"/)
  const bomb = gzipSync(Buffer.alloc(81 << 20))
  assert.throws(() => plain({ isCompressed: true, bytes: bomb }, 'gzip'), /grpc-encoding/)
})

test('texts of statuses survive their way through headers', () => {
  for (const text of ['', 'plain', 'ärger: 100 %', '%41', 'line\nline', '日本']) {
    assert.match(encodeDetails(text), /^[\x20-\x7e]*$/)
    assert.is(decodeDetails(encodeDetails(text)), text)
  }
  assert.is(decodeDetails('100% sure'), '100% sure')
})

test('timeouts are read in all their units', () => {
  const cases: readonly [string | undefined, number][] = [
    ['2H', 7_200_000],
    ['3M', 180_000],
    ['4S', 4000],
    ['5m', 5],
    ['6000u', 6],
    ['7000000n', 7],
    ['123456789S', Number.POSITIVE_INFINITY],
    ['soon', Number.POSITIVE_INFINITY],
    [undefined, Number.POSITIVE_INFINITY],
  ]
  for (const [text, ms] of cases) assert.is(Math.round(timeoutMs(text)), ms)
})

test('headers are taken out by their name, wherever and however often they are there', () => {
  assert.equal(without(['a', '1', 'b', 'a', 'a', '2'], 'a'), ['b', 'a'])
})

test.run()
