// SPDX-License-Identifier: Apache-2.0
import { closeSync, fstatSync, openSync } from 'node:fs'
import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isJournal, withPriorities } from './journal.ts'

test('the journal is told how grave a line is', () => {
  const lines: string[] = []
  const log = pino({ level: 'trace', base: null }, withPriorities({ write: (line) => void lines.push(line) }))
  for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const) log[level]('said')
  assert.equal(
    lines.map((line) => line.slice(0, 4)),
    ['<7>{', '<7>{', '<6>{', '<4>{', '<3>{', '<2>{'],
  )
  assert.is(JSON.parse(lines[3]?.slice(3) ?? '').msg, 'said')
})

test('only the stream that systemd connected to its journal is the journal', () => {
  const fd = openSync('/dev/null', 'w')
  try {
    const { dev, ino } = fstatSync(fd)
    assert.is(isJournal({ JOURNAL_STREAM: `${dev}:${ino}` }, fd), true)
    assert.is(isJournal({ JOURNAL_STREAM: `${dev}:${ino + 1}` }, fd), false)
    assert.is(isJournal({ JOURNAL_STREAM: 'x' }, fd), false)
    assert.is(isJournal({}, fd), false)
  } finally {
    closeSync(fd)
  }
})

test.run()
