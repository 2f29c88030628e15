// SPDX-License-Identifier: Apache-2.0

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseExact, stringifyExact } from './json.ts'

test('a number beyond 2^53 is a bigint of just that value, any other stays a number', () => {
  assert.equal(parseExact('{"a":18446744073709551615,"b":9007199254740991,"c":-9223372036854775808,"d":1.5}'), {
    a: 18446744073709551615n,
    b: 9007199254740991,
    c: -9223372036854775808n,
    d: 1.5,
  })
})

test('digits inside of a text, and numbers that are no whole ones, are left alone', () => {
  const value = { text: '18446744073709551615', big: 1e300, small: 0.1234567890123456 }
  assert.equal(parseExact(JSON.stringify(value)), value)
})

test('a bigint is written as the number it is', () => {
  assert.is(stringifyExact({ soft: 18446744073709551615n, n: [1n, 2] }), '{"soft":18446744073709551615,"n":[1,2]}')
})

test.run()
