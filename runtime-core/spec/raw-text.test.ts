// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bytesFromText, textFromBytes } from './raw-text.ts'

test('plain text stays as it is', () => {
  for (const text of ['', 'abc', 'grüße 🚢']) {
    assert.is(textFromBytes(Buffer.from(text)), text)
    assert.equal(bytesFromText(text), Buffer.from(text))
  }
})

test('any bytes come back, also through JSON', () => {
  const samples = [[0xff], [0x80, 0x41], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x9a], [0xc0, 0xaf], [0xed, 0xb2, 0x80, 0x62]]
  for (let high = 0; high < 256; high++) samples.push([high, 0x61, high], [0xe2, high, 0xac])
  for (const sample of samples) {
    const bytes = Buffer.from(sample)
    assert.equal(bytesFromText(JSON.parse(JSON.stringify(textFromBytes(bytes)))), bytes)
  }
})

test('a view into a larger buffer is read within its bounds', () => {
  const large = Buffer.from('xxabc\xffyy', 'latin1')
  assert.equal(bytesFromText(textFromBytes(large.subarray(2, 6))), Buffer.from('abc\xff', 'latin1'))
})

test('a lone surrogate that stands for no byte becomes the replacement character', () => {
  assert.equal(bytesFromText('a\ud800'), Buffer.from('a\ufffd'))
})

test.run()
