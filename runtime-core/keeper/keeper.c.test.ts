// SPDX-License-Identifier: Apache-2.0

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runCTests } from './test/run-c-tests.ts'

/** The C tests of the keeper (test/*.test.c, under ASan and UBSan): each of their TAP lines is a test here. */

const run = await runCTests()

for (const { name, passed, skipped, notes } of run.tests) {
  const define = skipped ? test.skip : test
  define(name, () => assert.ok(passed, notes.join('\n')))
}

test('every C test ran to its end, and the sanitizers had nothing to say', () => {
  assert.is(run.errors, '')
  assert.is(run.tests.length, run.planned, run.tests.at(-1)?.notes.join('\n'))
  assert.ok(run.planned > 0)
  if (run.tests.every(({ passed }) => passed)) assert.is(run.status, 0)
})

test.run()
