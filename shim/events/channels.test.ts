// SPDX-License-Identifier: Apache-2.0
import { subscribe as observeRaw, unsubscribe } from 'node:diagnostics_channel'
import { performance } from 'node:perf_hooks'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FACT_NAMES, isObserved, publish, subscribe } from './channels.ts'

test('a subscriber sees each fact of its name and no other', () => {
  const seen: string[] = []
  const end = subscribe('OomKilled', (fact) => seen.push(fact.containerId))
  publish('OomKilled', { containerId: 'a', podId: 'p' })
  publish('KeeperLost', { podId: 'p', pid: 1, reason: 'killed' })
  publish('OomKilled', { containerId: 'b', podId: 'p' })
  end()
  publish('OomKilled', { containerId: 'late', podId: 'p' })
  assert.equal(seen, ['a', 'b'])
})

test('someone who knows only the channel name sees the same payload', () => {
  const seen: unknown[] = []
  const listener = (message: unknown): void => void seen.push(message)
  for (const name of FACT_NAMES) observeRaw(`gantry:${name}`, listener)
  publish('RpcStarted', { service: 'RuntimeService', method: 'Version' })
  for (const name of FACT_NAMES) unsubscribe(`gantry:${name}`, listener)
  assert.equal(seen, [{ service: 'RuntimeService', method: 'Version' }])
})

test('a fact is observed only while someone listens', () => {
  assert.not(isObserved('LeakFound'))
  const end = subscribe('LeakFound', () => undefined)
  assert.ok(isObserved('LeakFound'))
  end()
  assert.not(isObserved('LeakFound'))
})

test('publishing to nobody costs less than a microsecond', () => {
  const fact = { service: 'RuntimeService', method: 'Version' }
  const rounds = 200_000
  const begin = performance.now()
  for (let round = 0; round < rounds; round++) publish('RpcStarted', fact)
  const microseconds = ((performance.now() - begin) * 1000) / rounds
  assert.ok(microseconds < 1, `${microseconds} µs`)
})

test.run()
