// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import { constants, deflateSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { GantryError } from '../../../runtime-core/errors.ts'
import { DICTIONARY } from './dictionary.ts'
import { HeaderReader, HeaderWriter } from './headers.ts'

const deflated = (plain: Buffer): Buffer =>
  deflateSync(plain, { dictionary: DICTIONARY, finishFlush: constants.Z_SYNC_FLUSH })

async function expectRefusal(block: Buffer, reason: RegExp): Promise<void> {
  const reader = new HeaderReader()
  try {
    await reader.read(block)
  } catch (error) {
    assert.instance(error, GantryError)
    assert.match(String(error), reason)
    return
  } finally {
    reader.close()
  }
  assert.unreachable('it was read')
}

test('the dictionary is the one of the specification', () => {
  const digest = createHash('sha256').update(DICTIONARY).digest('hex')
  assert.is(digest, '51d27341373f923f3cd88e1eb7162aeaa3723d7585ff2399201dc06498407f02')
})

test('blocks are read one after the other with what came before in mind', async () => {
  const [writer, reader] = [new HeaderWriter(), new HeaderReader()]
  const blocks = [
    new Map([
      ['streamtype', 'error'],
      ['port', '80'],
    ]),
    new Map(),
    new Map([['long', 'x'.repeat(9000)]]),
  ]
  for (const headers of blocks) assert.equal(await reader.read(writer.write(headers)), headers)
  reader.close()
})

test('names are lower case, however they are written', async () => {
  const reader = new HeaderReader()
  const headers = await reader.read(new HeaderWriter().write(new Map([['StreamType', 'Data']])))
  assert.equal([...headers], [['streamtype', 'Data']])
  reader.close()
})

test('a block that unpacks to very much is refused before it does', async () => {
  const bomb = deflated(Buffer.alloc(50 << 20))
  assert.ok(bomb.length < 64 << 10)
  await expectRefusal(bomb, /too large/)
})

test('what is no zlib stream is refused', async () => {
  await expectRefusal(Buffer.from('GET / HTTP/1.1\r\n'), /not to be read/)
})

test('a block that is cut short, too long or of too many pairs is refused', async () => {
  const two = Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 0x61, 0, 0, 0, 9, 0x62])
  await expectRefusal(deflated(two), /cut short/)
  await expectRefusal(deflated(Buffer.alloc(5)), /behind its end/)
  await expectRefusal(deflated(Buffer.from([0xff, 0xff, 0xff, 0xff])), /pairs/)
  await expectRefusal(deflated(Buffer.alloc(0)), /cut short/)
})

test('an empty name and a name that comes twice are refused', async () => {
  await expectRefusal(deflated(Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0])), /empty or twice/)
  const pair = [0, 0, 0, 1, 0x61, 0, 0, 0, 0]
  await expectRefusal(deflated(Buffer.from([0, 0, 0, 2, ...pair, ...pair])), /empty or twice/)
})

test.run()
