// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Ending, judgeRun } from './test-counts.ts'

const CLEAN: Ending = { exitCode: 0, signal: null, timedOut: false }

function totals(total: number, passed: number, skipped: number): string {
  return `• • •   (${passed} / ${total})\n\n  Total:     ${total}\n  Passed:    ${passed}\n  Skipped:   ${skipped}\n  Duration:  0.47ms\n\n`
}

test("the tests of a file are counted from uvu's totals", () => {
  assert.equal(judgeRun(totals(5, 5, 2), CLEAN), { counts: { passed: 5, failed: 0, skipped: 2 } })
})

test('totals of a file that runs itself again in a namespace are added up', () => {
  assert.equal(judgeRun(totals(5, 5, 0) + totals(2, 1, 1), { ...CLEAN, exitCode: 1 }).counts, {
    passed: 6,
    failed: 1,
    skipped: 1,
  })
})

test('tests that never ran because a hook before them failed count as failed, though uvu exits with 0', () => {
  assert.equal(judgeRun(totals(3, 0, 0), CLEAN), { counts: { passed: 0, failed: 3, skipped: 0 } })
})

test('a file that crashes counts as failed', () => {
  const verdict = judgeRun('TypeError: x is not a function', { ...CLEAN, exitCode: 1 })
  assert.equal(verdict, { counts: { passed: 0, failed: 1, skipped: 0 }, problem: 'ended with exit code 1' })
})

test('a file that crashes after its tests passed counts as failed', () => {
  const verdict = judgeRun(totals(2, 2, 0), { exitCode: null, signal: 'SIGSEGV', timedOut: false })
  assert.equal(verdict, { counts: { passed: 2, failed: 1, skipped: 0 }, problem: 'was ended by SIGSEGV' })
})

test('a file that hangs counts as failed', () => {
  const verdict = judgeRun('• •', { exitCode: null, signal: 'SIGKILL', timedOut: true })
  assert.equal(verdict.problem, 'did not end in time and was killed')
  assert.is(verdict.counts.failed, 1)
})

test('a file whose test waits for ever with nothing to wait for counts as failed', () => {
  assert.equal(judgeRun('• •', CLEAN), {
    counts: { passed: 0, failed: 1, skipped: 0 },
    problem: 'ended before its tests did',
  })
})

test('a file without tests counts as failed', () => {
  assert.is(judgeRun(totals(0, 0, 0), CLEAN).problem, 'has no tests')
})

test('a file all of whose tests are skipped has not failed', () => {
  assert.equal(judgeRun(totals(0, 0, 4), CLEAN), { counts: { passed: 0, failed: 0, skipped: 4 } })
})

test.run()
