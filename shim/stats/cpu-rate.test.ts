// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CpuRate } from './cpu-rate.ts'

const SECOND = 1_000_000_000n
const at = (seconds: number, used: number) => ({
  timestampNs: BigInt(Math.round(seconds * 1000)) * 1_000_000n,
  usageNs: BigInt(Math.round(used * 1000)) * 1_000_000n,
})

test('the first reading tells nothing, the second the use between them', () => {
  const rate = new CpuRate(undefined)
  assert.is(rate.add(at(100, 50)), undefined)
  assert.is(rate.add(at(102, 51)), SECOND / 2n)
})

test('a young container is compared with its beginning', () => {
  assert.is(new CpuRate(at(100, 0)).add(at(104, 1)), SECOND / 4n)
})

test('readings that come thick are compared with one of five seconds ago', () => {
  const rate = new CpuRate(undefined)
  let last: bigint | undefined
  // Idle for ten seconds, then busy: after five busy seconds nothing of the idle time is left in it.
  for (let half = 0; half <= 20; half++) last = rate.add(at(half / 2, 0))
  assert.is(last, 0n)
  last = rate.add(at(12.5, 2.5))
  assert.is(last, SECOND / 2n)
  for (let half = 26; half <= 30; half++) last = rate.add(at(half / 2, half / 2 - 10))
  assert.is(last, SECOND)
})

test('two readings at nearly the same time give the rate that was known', () => {
  const rate = new CpuRate(undefined)
  rate.add(at(1, 0))
  assert.is(rate.add(at(2, 1)), SECOND)
  assert.is(new CpuRate(at(5, 0)).add(at(5.05, 0.05)), undefined)
})

test('a counter or a clock that was set back begins anew', () => {
  const rate = new CpuRate(undefined)
  rate.add(at(1, 5))
  assert.is(rate.add(at(2, 6)), SECOND)
  assert.is(rate.add(at(3, 0.5)), undefined)
  assert.is(rate.add(at(4, 1)), SECOND / 2n)
  assert.is(rate.add(at(2, 2)), undefined)
})

test.run()
