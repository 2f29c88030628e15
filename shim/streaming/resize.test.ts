// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { GantryError } from '../../runtime-core/errors.ts'
import { ResizeReader } from './resize.ts'

const read = (...texts: string[]) => {
  const reader = new ResizeReader()
  return texts.map((text) => reader.push(Buffer.from(text)))
}

test('sizes come one behind the other, with or without line ends, in any pieces', () => {
  assert.equal(read('{"Width":80,"Height":24}\n'), [{ rows: 24, columns: 80 }])
  assert.equal(read('{"Width":80,"Hei', 'ght":24}{"Wid', 'th":1,"Height":2}'), [
    undefined,
    { rows: 24, columns: 80 },
    { rows: 2, columns: 1 },
  ])
})

test('of several at once the last counts', () => {
  assert.equal(read('{"Width":1,"Height":1}{"Width":9,"Height":9}'), [{ rows: 9, columns: 9 }])
})

test('a size without a width or height is none, and names are taken in any case', () => {
  assert.equal(read('{"Width":0,"Height":24}'), [undefined])
  assert.equal(read('{}'), [undefined])
  assert.equal(read('{"width":3,"height":4}'), [{ rows: 4, columns: 3 }])
})

for (const text of [
  'nonsense}',
  '{"Width":-1,"Height":1}',
  '{"Width":70000,"Height":1}',
  '{"Width":"80"}',
  'x'.repeat(2000),
]) {
  test(`${text.slice(0, 30)} is refused`, () => {
    assert.throws(
      () => read(text),
      (error: unknown) => error instanceof GantryError && error.code === 'invalid_argument',
    )
  })
}

test.run()
