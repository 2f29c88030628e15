// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseChallenges, preferredChallenge } from './challenge.ts'

test('a bearer challenge is read, quotes and escapes included', () => {
  const [challenge] = parseChallenges([
    'Bearer realm="https://a/token?x=1,2",service="r \\"q\\"",SCOPE="repository:a/b:pull"',
  ])
  assert.is(challenge?.scheme, 'bearer')
  assert.equal(
    { ...challenge?.parameters },
    {
      realm: 'https://a/token?x=1,2',
      service: 'r "q"',
      scope: 'repository:a/b:pull',
    },
  )
})

test('several challenges in one value or in several are told apart and Bearer is preferred', () => {
  const challenges = parseChallenges(['Basic realm="x", Bearer realm="https://t"', 'Negotiate'])
  assert.equal(
    challenges.map(({ scheme }) => scheme),
    ['basic', 'bearer', 'negotiate'],
  )
  assert.is(preferredChallenge(challenges)?.scheme, 'bearer')
  assert.is(preferredChallenge(parseChallenges(['Bearer scope="no realm"', 'Basic realm=x']))?.scheme, 'basic')
})

test('values without quotes and spaces around signs are accepted', () => {
  const [challenge] = parseChallenges(['Basic  realm = simple , charset=UTF-8'])
  assert.equal({ ...challenge?.parameters }, { realm: 'simple', charset: 'UTF-8' })
})

test('nonsense gives no challenge and does not hang', () => {
  for (const text of [
    '',
    ',,,,',
    '"',
    '=',
    'Bearer realm="open',
    `Bearer ${'a="b",'.repeat(100_000)}`,
    '\\'.repeat(9000),
  ]) {
    const chosen = preferredChallenge(parseChallenges([text]))
    assert.is(chosen, undefined, text.slice(0, 20))
  }
  assert.is(preferredChallenge(parseChallenges(['Bearer __proto__="x", realm="y"']))?.parameters['realm'], 'y')
})

test.run()
