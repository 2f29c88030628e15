// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../runtime-core/errors.ts'
import { parsePodCidrs } from './pod-cidrs.ts'

test('a subnet, or one of each family, is taken as it is', () => {
  assert.equal(parsePodCidrs('10.244.1.0/24'), ['10.244.1.0/24'])
  assert.equal(parsePodCidrs('10.244.1.0/24, fd00:10::/64'), ['10.244.1.0/24', 'fd00:10::/64'])
  assert.equal(parsePodCidrs('fd00:10::/64'), ['fd00:10::/64'])
})

test('what is no subnet is refused, with the text that came', () => {
  for (const text of [
    '10.0.0.0',
    '10.0.0.0/33',
    'fd00::/129',
    '10.0.0/8',
    'x/8',
    '10.0.0.0/8,10.1.0.0/16',
    '10.0.0.0/8,',
    ',',
    '10.0.0.0/8,fd00::/64,fd01::/64',
    'fe80::1%eth0/64',
    '10.0.0.0/-1',
  ]) {
    const error = ((): unknown => {
      try {
        return parsePodCidrs(text)
      } catch (failure) {
        return failure
      }
    })()
    assert.ok(hasCode(error, 'invalid_argument') && String(error).includes(JSON.stringify(text)), `${text}: ${error}`)
  }
})

test.run()
