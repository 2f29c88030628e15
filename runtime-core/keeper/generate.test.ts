// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { OPS, SLOTS } from '../plan/ops.ts'
import { operationsHeader } from './generate.ts'

test('ops.gen.h is what generate.ts makes of the table of operations', () => {
  assert.fixture(readFileSync(new URL('ops.gen.h', import.meta.url), 'utf8'), operationsHeader())
})

test('the header has every operation and every slot under a name of its own', () => {
  const names = operationsHeader().match(/^\t(OP_[A-Z_]+) = \d+,$/gm) ?? []
  assert.is(new Set(names).size, Object.keys(OPS).length)
  const slots = operationsHeader().match(/^#define SLOT_(?!COUNT)[A-Z_]+ \d+$/gm) ?? []
  assert.is(new Set(slots).size, Object.keys(SLOTS).length)
})

test('the interpreter has a function for every operation', () => {
  const source = readFileSync(new URL('interpret.c', import.meta.url), 'utf8')
  for (const name of Object.keys(OPS)) {
    assert.ok(source.includes(`ROW(OP_${name.toUpperCase()}, ${name})`), name)
  }
})

test.run()
