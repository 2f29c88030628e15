// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto'
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Inflater, sniff } from './inflate.ts'

const SKIPPABLE = Buffer.concat([Buffer.of(0x5e, 0x2a, 0x4d, 0x18, 6, 0, 0, 0), Buffer.from('abcdef')])
const EMPTY_SKIPPABLE = Buffer.of(0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0)

async function inflate(bytes: Buffer, piece: number): Promise<Buffer> {
  const parts: Buffer[] = []
  const inflater = new Inflater((part) => parts.push(Buffer.from(part)))
  for (let at = 0; at < bytes.length; at += piece) await inflater.write(bytes.subarray(at, at + piece))
  await inflater.end()
  return Buffer.concat(parts)
}

const random = randomBytes(300_000)
const text = Buffer.from('the quick brown fox\n'.repeat(20_000))
const frames: readonly (readonly [string, Buffer, Buffer])[] = [
  ['one frame', zstdCompressSync(text), text],
  ['incompressible data', zstdCompressSync(random), random],
  ['an empty frame', zstdCompressSync(Buffer.alloc(0)), Buffer.alloc(0)],
  ['run-length blocks', zstdCompressSync(Buffer.alloc(500_000)), Buffer.alloc(500_000)],
  ['a checksum', zstdCompressSync(text, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }), text],
  [
    'many frames',
    Buffer.concat([zstdCompressSync(text), zstdCompressSync(random), zstdCompressSync(text)]),
    Buffer.concat([text, random, text]),
  ],
  [
    'skippable frames around',
    Buffer.concat([SKIPPABLE, EMPTY_SKIPPABLE, zstdCompressSync(text), SKIPPABLE, zstdCompressSync(random), SKIPPABLE]),
    Buffer.concat([text, random]),
  ],
]
for (const [what, compressed, plain] of frames) {
  test(`zstd with ${what} is inflated however it is cut`, async () => {
    for (const piece of [1 << 20, 65_536, 1000, 7]) {
      if (compressed.length / piece > 20_000) continue
      const inflated = await inflate(compressed, piece)
      assert.ok(inflated.equals(plain), `in pieces of ${piece}: ${inflated.length} of ${plain.length} bytes`)
    }
    if (compressed.length < 2000) assert.ok((await inflate(compressed, 1)).equals(plain), 'byte by byte')
  })
}

async function refusal(bytes: Buffer): Promise<string> {
  return inflate(bytes, 1000).then(
    () => 'accepted',
    (error) => String(error),
  )
}

test('zstd that breaks off or is followed by something else is refused', async () => {
  const good = zstdCompressSync(text)
  assert.match(await refusal(good.subarray(0, -1)), 'truncated')
  assert.match(await refusal(good.subarray(0, good.length / 2)), 'truncated')
  assert.match(await refusal(Buffer.concat([good, Buffer.from('garbage')])), 'wrong magic number')
})

test('gzip of several members is inflated, truncated or damaged gzip refused', async () => {
  assert.ok(
    (await inflate(Buffer.concat([gzipSync(text), gzipSync(random)]), 4096)).equals(Buffer.concat([text, random])),
  )
  assert.match(await refusal(gzipSync(text).subarray(0, -4)), 'inflate gzip')
  const damaged = gzipSync(random)
  damaged.fill(0, 1000, 1100)
  assert.match(await refusal(damaged), 'inflate gzip')
})

test('what is not compressed passes as it is, nothing at all too', async () => {
  assert.ok((await inflate(text, 3)).equals(text))
  assert.is((await inflate(Buffer.alloc(0), 1)).length, 0)
  assert.is(sniff(Buffer.of(0x1f, 0x8b)), 'gzip')
  assert.is(sniff(Buffer.of(0x28, 0xb5)), 'none')
})

test('what the consumer throws reaches the writer', async () => {
  const inflater = new Inflater(() => {
    throw new RangeError('full')
  })
  const compressed = gzipSync(random)
  let seen = ''
  try {
    for (let i = 0; i < 100; i++) await inflater.write(compressed)
    await inflater.end()
  } catch (error) {
    seen = String(error)
  }
  assert.is(seen, 'RangeError: full')
})

test.run()
