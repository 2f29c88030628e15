// SPDX-License-Identifier: Apache-2.0

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runCTests } from './test/run-c-tests.ts'

/** The keeper built for aarch64 by a cross compiler, its C tests run by qemu-user. */

const run = await runCTests({ CROSS: 'aarch64' })

for (const { name, passed, skipped, notes } of run.tests) {
  const define = skipped ? test.skip : test
  define(name, () => assert.ok(passed, notes.join('\n')))
}

test('every C test ran to its end on aarch64', () => {
  assert.is(run.errors, '')
  assert.is(run.tests.length, run.planned, run.tests.at(-1)?.notes.join('\n'))
  assert.ok(run.planned > 0)
  if (run.tests.every(({ passed }) => passed)) assert.is(run.status, 0)
})

test.run()
