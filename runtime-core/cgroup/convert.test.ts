// SPDX-License-Identifier: Apache-2.0

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bytesOrMax, cpuWeight, ioWeight, pidsMax, swapMax } from './convert.ts'

const GiB = 2 ** 30

test('cpu shares become the weights runc and crun give them', () => {
  const table: [number, number][] = [
    [2, 1],
    [3, 2],
    [10, 4],
    [100, 17],
    [256, 35],
    [512, 59],
    [1000, 99],
    [1024, 100],
    [2048, 174],
    [4096, 303],
    [10240, 639],
    [102400, 4429],
    [262144, 10000],
  ]
  for (const [shares, weight] of table) assert.is(cpuWeight(shares), weight, `${shares} shares`)
  assert.is(cpuWeight(1), 1)
  assert.is(cpuWeight(1_000_000), 10000)
})

test('block I/O weights span the whole range', () => {
  assert.is(ioWeight(10), 1)
  assert.is(ioWeight(100), 910)
  assert.is(ioWeight(1000), 10000)
})

test('swap counts memory too, except where memory is unlimited', () => {
  assert.is(swapMax({ limit: GiB, swap: 3 * GiB }), String(2 * GiB))
  assert.is(swapMax({ limit: GiB, swap: GiB }), '0')
  assert.is(swapMax({ limit: GiB, swap: -1 }), 'max')
  assert.is(swapMax({ limit: GiB }), undefined)
  assert.is(swapMax({}), undefined)
  assert.is(swapMax({ limit: -1 }), 'max')
  assert.is(swapMax({ limit: -1, swap: GiB }), String(GiB))
  assert.is(swapMax({ limit: -1, swap: -1 }), 'max')
})

test('a swap limit that cannot be meant is refused with its numbers', () => {
  assert.throws(() => swapMax({ swap: 5 }), /"linux.resources.memory.swap": is 5, expected unset where memory.limit/)
  assert.throws(() => swapMax({ limit: 10, swap: 5 }), /is 5, expected at least memory.limit \(10\)/)
  assert.throws(() => swapMax({ limit: 10, swap: -2 }), /is -2, expected bytes, or -1/)
})

test('minus one is unlimited, other negative numbers are mistakes, large numbers keep all digits', () => {
  assert.is(bytesOrMax(-1, 'memory.limit'), 'max')
  assert.is(bytesOrMax(2 ** 70, 'memory.limit'), '1180591620717411303424')
  assert.throws(() => bytesOrMax(-2, 'memory.limit'), /"linux.resources.memory.limit": is -2/)
  assert.throws(() => bytesOrMax(1.5, 'memory.limit'), /is 1.5, expected an integer/)
})

test('a pids limit of 0 still lets the first process in', () => {
  assert.is(pidsMax(-1), 'max')
  assert.is(pidsMax(0), '1')
  assert.is(pidsMax(100), '100')
})

test.run()
