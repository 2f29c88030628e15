// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { unintended } from './intended.ts'
import { hasPassed, readPoints, regressions, summary, type TapPoint } from './tap.ts'

const OUTPUT = `TAP version 13
ok 1 - has expected hostname
  ---
  {
    "stdout": "not ok 7 - of another report"
  }
  ...
not ok 2 - root is read-only
ok 3 # SKIP linux.sysctl not set
ok 4 - ${''}
1..4
`

const point = (description: string, result: TapPoint['result'] = 'ok'): TapPoint => ({ description, result })

test('points are read with their results; diagnostics and plans are none', () => {
  assert.equal(readPoints(OUTPUT), [
    point('has expected hostname'),
    point('root is read-only', 'not ok'),
    point('linux.sysctl not set', 'skipped'),
    point(''),
  ])
})

test('a program passes by its points and its exit code', () => {
  assert.ok(hasPassed({ points: [point('a'), point('b', 'skipped')], exitCode: 0 }))
  assert.not.ok(hasPassed({ points: [point('a')], exitCode: 1 }))
  assert.not.ok(hasPassed({ points: [point('a', 'not ok')], exitCode: 0 }))
  assert.not.ok(hasPassed({ points: [], exitCode: undefined }))
})

test('a summary counts points, and says how a program ended', () => {
  assert.is(summary({ points: [point('a'), point('b', 'not ok'), point('c', 'skipped')], exitCode: 0 }), '1 of 2')
  assert.is(summary({ points: [], exitCode: 0 }), 'ok')
  assert.is(summary({ points: [], exitCode: 1 }), '0 of 0 exit 1')
  assert.is(summary({ points: [point('a')], exitCode: undefined }), '1 of 1 killed')
})

test('only what passes with the peer can be lost', () => {
  const peer = { points: [point('a'), point('a'), point('b', 'not ok'), point('c')], exitCode: 0 }
  assert.equal(regressions(peer, peer), [])
  const ours = { points: [point('a'), point('a', 'not ok'), point('b', 'not ok')], exitCode: 2 }
  assert.equal(regressions(peer, ours), ['not ok: a (2)', 'missing: c', 'ended with 2'])
  assert.equal(regressions({ points: [], exitCode: 1 }, { points: [], exitCode: undefined }), [])
})

test('a point is known again though ids and pids differ', () => {
  const [one, two] = ['/proc/12/ns/net of 0067e08c-900c-43e5-a57a-57350fec7c4e', '/proc/7/ns/net of ID'].map(
    (text) => ({
      points: [point(text)],
      exitCode: 0,
    }),
  )
  assert.ok(one !== undefined && two !== undefined)
  assert.equal(regressions(one, two), [])
})

test('an intended difference hides no other of the same program', () => {
  const known = 'not ok: mounts[9] (/mnt/etc-shared) found in order'
  assert.equal(unintended('mounts', [known, 'ended with 1']), ['ended with 1'])
  assert.equal(unintended('state', [known]), [known])
})

test.run()
