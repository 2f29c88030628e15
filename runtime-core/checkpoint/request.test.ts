// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { criuRequest } from './request.ts'
import { Message } from './wire.ts'

test('numbers, texts and messages are written as the encoding has them', () => {
  const inner = new Message().text(1, 'é').number(2, 300)
  assert.equal(
    Buffer.from(new Message().number(1, -1).flag(3, true).flag(4, false).message(2, inner).bytes()).toString('hex'),
    '08ffffffffffffffffff01' + '1801' + '1207' + '0a02c3a9' + '10ac02',
  )
})

test('fields above 15 have keys of two bytes', () => {
  assert.is(Buffer.from(new Message().text(63, 'x').bytes()).toString('hex'), 'fa030178')
})

test('a request names its type, and what is not asked for is not there', () => {
  const bytes = Buffer.from(criuRequest('restore', { logFile: 'restore.log', sibling: true }))
  assert.is(bytes.subarray(0, 2).toString('hex'), '0802')
  assert.ok(bytes.includes(Buffer.from('d00101', 'hex')), 'rst_sibling')
  assert.not(bytes.includes(Buffer.from('1801', 'hex')), 'leave_running')
})

test.run()
