// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../runtime-core/errors.ts'
import { MAX_TOKENS, TOKEN_LIFE_MS, Tokens } from './tokens.ts'

function tokens() {
  const clock = { now: 0 }
  return { clock, tokens: new Tokens<string>(() => clock.now) }
}

test('a token is good for one use', () => {
  const { tokens: cache } = tokens()
  const token = cache.issue('exec')
  assert.is(cache.redeem(token), 'exec')
  assert.is(cache.redeem(token), undefined)
})

test('a token that was never given is worth nothing', () => {
  const { tokens: cache } = tokens()
  cache.issue('exec')
  for (const guess of ['', 'constructor', '__proto__', 'AAAAAAAAAAAAAAAAAAAAAAAA'])
    assert.is(cache.redeem(guess), undefined)
})

test('a token lives for a minute', () => {
  const { tokens: cache, clock } = tokens()
  const [early, late] = [cache.issue('early'), cache.issue('late')]
  clock.now = TOKEN_LIFE_MS - 1
  assert.is(cache.redeem(early), 'early')
  clock.now = TOKEN_LIFE_MS
  assert.is(cache.redeem(late), undefined)
})

test('tokens cannot be guessed from each other, and fit into a URL', () => {
  const { tokens: cache } = tokens()
  const all = Array.from({ length: 500 }, () => cache.issue('x'))
  assert.is(new Set(all).size, 500)
  assert.ok(all.every((token) => /^[\w-]{24}$/.test(token)))
  // Every position takes many values: none is a counter or a clock.
  for (let at = 0; at < 24; at++) assert.ok(new Set(all.map((token) => token[at])).size > 40)
})

test('a thousand may be outstanding; with their time or their use there is room again', () => {
  const { tokens: cache, clock } = tokens()
  const [first = ''] = Array.from({ length: MAX_TOKENS }, () => cache.issue('x'))
  const full = (): void => {
    assert.throws(
      () => cache.issue('x'),
      (error: unknown) => hasCode(error, 'resource_exhausted'),
    )
  }
  full()
  cache.redeem(first)
  cache.issue('x')
  full()
  clock.now = TOKEN_LIFE_MS
  cache.issue('x')
})

test.run()
