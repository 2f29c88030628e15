// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inParallel } from './parallel.ts'

test('no more callers are at work than allowed, and results keep the order of the items', async () => {
  let working = 0
  let most = 0
  const results = await inParallel(3, [1, 2, 3, 4, 5, 6, 7], async (item) => {
    most = Math.max(most, ++working)
    for (let turn = 0; turn < 10 - item; turn++) await Promise.resolve()
    working--
    return item * 10
  })
  assert.equal(results, [10, 20, 30, 40, 50, 60, 70])
  assert.is(most, 3)
})

test('after a failure nothing more is begun, and what is under way is waited for', async () => {
  const begun: number[] = []
  const ended: number[] = []
  const run = inParallel(2, [1, 2, 3, 4], async (item) => {
    begun.push(item)
    await Promise.resolve()
    if (item === 1) throw new Error('first')
    for (let turn = 0; turn < 5; turn++) await Promise.resolve()
    ended.push(item)
  })
  await run.then(
    () => assert.unreachable(),
    (error) => assert.is(error.message, 'first'),
  )
  assert.equal([begun, ended], [[1, 2], [2]])
})

test.run()
