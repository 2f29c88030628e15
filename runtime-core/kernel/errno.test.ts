// SPDX-License-Identifier: Apache-2.0

import { constants } from 'node:os'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { errnoName, errnoNumber } from './errno.ts'

test('every errno Node knows has the same number here', () => {
  const known = Object.entries(constants.errno)
  assert.ok(known.length > 60)
  for (const [name, number] of known) assert.is(errnoNumber(name), number, name)
})

test('a number and its name lead to each other', () => {
  for (const number of [1, 2, 28, 38, 61, 75, 122, 133]) assert.is(errnoNumber(errnoName(number)), number)
  assert.is(errnoName(2), 'ENOENT')
  assert.is(errnoName(122), 'EDQUOT')
  assert.is(errnoName(133), 'EHWPOISON')
})

test('of two names for one number the usual one is given', () => {
  assert.is(errnoName(11), 'EAGAIN')
  assert.is(errnoNumber('EWOULDBLOCK'), 11)
  assert.is(errnoName(95), 'EOPNOTSUPP')
})

test('a number without a name still says which number it is', () => {
  assert.is(errnoName(41), 'E41')
  assert.is(errnoName(0), 'E0')
  assert.is(errnoName(4095), 'E4095')
  assert.is(errnoName(524), 'ENOTSUPP')
  assert.throws(() => errnoNumber('ENONSENSE'), /ENONSENSE is no errno/)
})

test.run()
