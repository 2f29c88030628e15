// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Turns } from './turns.ts'

test('steps that are asked for at once run in order, one in each turn of the event loop', async () => {
  const turns = new Turns()
  const log: string[] = []
  const steps = ['a', 'b', 'c'].map((name) => turns.next().then(() => log.push(name)))
  const seen: string[] = []
  while (log.length < 3) {
    seen.push(log.join(''))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.all(steps)
  assert.equal(log, ['a', 'b', 'c'])
  // between any two looks at most one more has run
  for (const [index, text] of seen.entries()) assert.ok(text.length - (seen[index - 1]?.length ?? 0) <= 1, seen.join())
})

test('a step after a pause does not wait', async () => {
  const turns = new Turns()
  await turns.next()
  await new Promise((resolve) => setImmediate(resolve))
  let ran = false
  void turns.next().then(() => {
    ran = true
  })
  await Promise.resolve()
  await Promise.resolve()
  assert.ok(ran)
})

test.run()
