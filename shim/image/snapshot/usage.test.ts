// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { UsageMeter } from './usage.ts'

const root = mkdtempSync(path.join(tmpdir(), 'gantry-usage-'))
test.after(() => rmSync(root, { recursive: true, force: true }))

test('a tree is measured once for all who ask, and again when it has aged', async () => {
  let now = 1000
  const meter = new UsageMeter({ maxAgeMs: 500, deadlineMs: 10_000, nowMs: () => now })
  mkdirSync(path.join(root, 'd'))
  writeFileSync(path.join(root, 'd/f'), Buffer.alloc(100_000, 1))
  assert.is(meter.last(root), undefined)
  const [first, same] = await Promise.all([meter.usage(root), meter.usage(root)])
  assert.is(first, same)
  assert.is(first.inodes, 3)
  assert.ok(first.bytes >= 100_000 && first.bytes < 200_000, String(first.bytes))
  writeFileSync(path.join(root, 'd/g'), '')
  assert.is((await meter.usage(root)).inodes, 3)
  now += 501
  assert.is((await meter.usage(root)).inodes, 4)
  assert.is(meter.last(root)?.measuredAtMs, 1501)
  meter.forget(root)
  assert.is(meter.last(root), undefined)
})

test('a directory that is not there is an error that names it', async () => {
  const meter = new UsageMeter({ maxAgeMs: 0, deadlineMs: 10_000, nowMs: Date.now })
  const gone = path.join(root, 'gone')
  assert.match(String(await meter.usage(gone).catch((error) => error)), `measure "${gone}"`)
})

test.run()
