// SPDX-License-Identifier: Apache-2.0

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../errors.ts'
import { readExitRecord } from './exit-record.ts'

const directory = mkdtempSync(join(tmpdir(), 'keeper-state-'))
test.after(() => rmSync(directory, { recursive: true }))

function record(text: string) {
  const path = join(directory, 'record')
  writeFileSync(path, text)
  return readExitRecord(path)
}

const ENDS: readonly (readonly [string, number, number, number, boolean])[] = [
  ['an exit code', 7 << 8, 7, 0, false],
  ['success', 0, 0, 0, false],
  ['the largest exit code', 255 << 8, 255, 0, false],
  ['a signal', 15, 143, 15, false],
  ['a signal that left a core', 11 | 0x80, 139, 11, false],
  ['the OOM killer', 9, 137, 9, true],
]

for (const [what, status, exitCode, signal, oomKilled] of ENDS) {
  test(`a record tells ${what}`, async () => {
    assert.equal(await record(`${status} ${oomKilled ? 1 : 0} 1700000000000000001 1700000000000000002\n`), {
      startedAtNs: 1700000000000000001n,
      exit: { exitCode, signal, oomKilled, finishedAtNs: 1700000000000000002n },
    })
  })
}

test('no record is no error', async () => {
  assert.is(await readExitRecord(join(directory, 'none')), undefined)
})

for (const text of [
  '',
  '0 0 1',
  '0 0 1 2',
  '0 2 1 2\n',
  '-1 0 1 2\n',
  '0 0 1 2\n0 0 1 2\n',
  'x 0 1 2\n',
  '0 0 1 2 3\n',
]) {
  test(`a record is not believed that says ${JSON.stringify(text)}`, async () => {
    const error = await record(text).catch((cause: unknown) => cause)
    assert.ok(hasCode(error, 'internal'), String(error))
    assert.match(error.message, /^read exit record ".*record": it is malformed$/)
  })
}

test('a record that cannot be read is said to be that', async () => {
  const error = await readExitRecord(directory).catch((cause: unknown) => cause)
  assert.ok(hasCode(error, 'internal'))
  assert.match(error.message, /EISDIR$/)
})

test.run()
