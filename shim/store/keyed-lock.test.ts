// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { GantryError } from '../../runtime-core/errors.ts'
import { Inflight, KeyedLock } from './keyed-lock.ts'

test('a repeated call while the first is under way shares its result', async () => {
  const inflight = new Inflight<string>()
  const gate = Promise.withResolvers<string>()
  let starts = 0
  const start = () => {
    starts += 1
    return gate.promise
  }
  const answers = [inflight.join('k', start), inflight.join('k', start)]
  gate.resolve('id')
  assert.equal(await Promise.all(answers), ['id', 'id'])
  assert.is(starts, 1)
})

test('a caller that waits is not told that another one lost patience: it has its own turn', async () => {
  const inflight = new Inflight<string>()
  const gate = Promise.withResolvers<string>()
  const first = inflight.join('k', () => gate.promise)
  const others = [1, 2].map(() => inflight.join('k', async () => 'second'))
  gate.reject(new GantryError('cancelled', { action: 'wait' }))
  assert.is(await first.catch((error: GantryError) => error.code), 'cancelled')
  assert.equal(await Promise.all(others), ['second', 'second'])
})

test('a failure that would meet every caller is shared', async () => {
  const inflight = new Inflight<string>()
  const gate = Promise.withResolvers<string>()
  const calls = [inflight.join('k', () => gate.promise), inflight.join('k', async () => 'second')]
  gate.reject(new GantryError('invalid_argument', { action: 'read' }))
  const codes = await Promise.all(calls.map((call) => call.catch((error: GantryError) => error.code)))
  assert.equal(codes, ['invalid_argument', 'invalid_argument'])
})

test('operations on one object run one after the other, also after one that failed', async () => {
  const lock = new KeyedLock()
  const steps: string[] = []
  const first = lock.run('k', async () => {
    steps.push('first begins')
    await Promise.resolve()
    steps.push('first ends')
    throw new Error('as asked')
  })
  const second = lock.run('k', async () => steps.push('second'))
  await lock.run('other', async () => steps.push('other'))
  await Promise.allSettled([first, second])
  assert.ok(steps.indexOf('first ends') < steps.indexOf('second'), steps.join())
  assert.ok(steps.indexOf('other') < steps.indexOf('second'), steps.join())
})

test.run()
