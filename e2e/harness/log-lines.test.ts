// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseLog } from './log-lines.ts'

test('a line is its time, stream, tag and content', () => {
  assert.equal(parseLog('2026-01-02T03:04:05.123456789Z stdout F a b\n2026-01-02T03:04:05Z stderr P  x\n'), [
    { time: '2026-01-02T03:04:05.123456789Z', stream: 'stdout', partial: false, content: 'a b' },
    { time: '2026-01-02T03:04:05Z', stream: 'stderr', partial: true, content: ' x' },
  ])
})

test('a torn last line, an unknown stream and a time of another form are errors', () => {
  assert.throws(() => parseLog('2026-01-02T03:04:05Z stdout F torn'), /ends within a line/)
  assert.throws(() => parseLog('2026-01-02T03:04:05Z stdin F x\n'), /not a log line/)
  assert.throws(() => parseLog('02.01.2026 stdout F x\n'), /not a log line/)
  assert.throws(() => parseLog('\n'), /not a log line/)
})

test('an empty log has no lines', () => assert.equal(parseLog(''), []))

test.run()
