// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freeBuffer, SharedBuffer } from './spent-buffer.ts'

test('a buffer that is given back holds no memory', () => {
  const bytes = Buffer.allocUnsafeSlow(64 << 10)
  freeBuffer(bytes)
  assert.is(bytes.length, 0)
})

test('a part of a buffer is left alone, and what lies beside it too', () => {
  const whole = Buffer.from('a text of some length, in the pool that all small buffers share')
  freeBuffer(whole)
  freeBuffer(whole.subarray(2, 6))
  assert.is(whole.toString(), 'a text of some length, in the pool that all small buffers share')
})

test('a shared buffer is there until the last part has arrived', () => {
  const bytes = Buffer.allocUnsafeSlow(100).fill(7)
  const shared = new SharedBuffer(bytes, 2)
  shared.release()
  assert.is(bytes[99], 7)
  shared.release()
  assert.is(bytes.length, 0)
})

test.run()
