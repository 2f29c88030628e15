// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../../runtime-core/errors.ts'
import { failureOf } from './fake-plugins.fixture.ts'
import { Lanes } from './lanes.ts'

const never = new AbortController().signal

/** Work that notes its start and lasts until it is told to end. */
function work(log: string[], name: string) {
  const { promise, resolve } = Promise.withResolvers<string>()
  const run = () => {
    log.push(name)
    return promise
  }
  return { run, end: () => resolve(name) }
}

/** All promise jobs that can run have run. */
const quiet = () => new Promise((resolve) => setImmediate(resolve))

test('operations of one pod run one after the other, in order', async () => {
  const lanes = new Lanes(4)
  const log: string[] = []
  const [a, b] = [work(log, 'a'), work(log, 'b')]
  const first = lanes.run('pod', never, a.run)
  const second = lanes.run('pod', never, b.run)
  await quiet()
  assert.equal(log, ['a'])
  a.end()
  await first
  await quiet()
  assert.equal(log, ['a', 'b'])
  b.end()
  assert.is(await second, 'b')
  assert.is(lanes.busyKeys, 0)
})

test('different pods run at once, up to the width', async () => {
  const lanes = new Lanes(2)
  const log: string[] = []
  const works = ['a', 'b', 'c'].map((name) => work(log, name))
  const running = works.map(({ run }, index) => lanes.run(`pod${index}`, never, run))
  await quiet()
  assert.equal(log, ['a', 'b'])
  works[1]?.end()
  await running[1]
  await quiet()
  assert.equal(log, ['a', 'b', 'c'])
  for (const { end } of works) end()
  await Promise.all(running)
  assert.is(lanes.busyKeys, 0)
})

test('an exclusive operation waits for all and holds back what comes later', async () => {
  const lanes = new Lanes(2)
  const log: string[] = []
  const [a, gc, b] = [work(log, 'a'), work(log, 'gc'), work(log, 'b')]
  const first = lanes.run('x', never, a.run)
  await quiet()
  const alone = lanes.exclusive(never, gc.run)
  const last = lanes.run('y', never, b.run)
  await quiet()
  assert.equal(log, ['a'])
  a.end()
  await first
  await quiet()
  assert.equal(log, ['a', 'gc'])
  gc.end()
  await alone
  await quiet()
  assert.equal(log, ['a', 'gc', 'b'])
  b.end()
  await last
})

test('a caller that gives up while waiting leaves the line to the next', async () => {
  const lanes = new Lanes(1)
  const log: string[] = []
  const [a, b, c] = [work(log, 'a'), work(log, 'b'), work(log, 'c')]
  const patience = new AbortController()
  const first = lanes.run('pod', never, a.run)
  const second = failureOf(lanes.run('pod', patience.signal, b.run))
  const third = lanes.run('pod', never, c.run)
  patience.abort()
  const error = await second
  assert.ok(hasCode(error, 'cancelled'))
  assert.match(error.message, 'wait for pod network "pod": other network operations are under way')
  a.end()
  c.end()
  await Promise.all([first, third])
  assert.equal(log, ['a', 'c'])
  assert.is(lanes.busyKeys, 0)
})

test('a wide request that is given up lets narrow ones pass', async () => {
  const lanes = new Lanes(2)
  const log: string[] = []
  const [a, b] = [work(log, 'a'), work(log, 'b')]
  const patience = new AbortController()
  const first = lanes.run('x', never, a.run)
  await quiet()
  const alone = failureOf(lanes.exclusive(patience.signal, async () => undefined))
  const second = lanes.run('y', never, b.run)
  patience.abort()
  await alone
  await quiet()
  assert.equal(log, ['a', 'b'])
  a.end()
  b.end()
  await Promise.all([first, second])
})

test('a deadline that passes while waiting is one', async () => {
  const lanes = new Lanes(1)
  const a = work([], 'a')
  const first = lanes.run('pod', never, a.run)
  const patience = new AbortController()
  const second = failureOf(lanes.run('pod', patience.signal, a.run))
  patience.abort(new DOMException('over', 'TimeoutError'))
  assert.ok(hasCode(await second, 'deadline_exceeded'))
  a.end()
  await first
})

test('an operation that fails frees its place', async () => {
  const lanes = new Lanes(1)
  await failureOf(lanes.run('pod', never, () => Promise.reject(new Error('no'))))
  assert.is(await lanes.run('pod', never, async () => 7), 7)
})

test.run()
