// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { GantryError } from '../../runtime-core/errors.ts'
import { openDatabase } from './database.ts'
import { type RecordCodec, RecordTable } from './record-table.ts'

interface Sample {
  readonly id: string
  readonly uniqueName: string
  readonly state: string
  readonly spec: object | null
  readonly atNs: bigint
}

const codec: RecordCodec<Sample> = {
  table: 'sandboxes',
  encodeConfig: () => new Uint8Array(),
  spec: ({ spec }) => spec,
  large: ({ spec }) => [spec],
  fields: ({ spec: _, ...fields }) => fields,
  decode: (_, spec, fields) => ({ ...(fields as Sample), spec: spec as object | null }),
}

const directory = await mkdtemp(join(tmpdir(), 'gantry-store-'))
test.after(() => rm(directory, { recursive: true }))

const sample = (id: string, spec: object | null = null): Sample => ({
  id,
  uniqueName: `name of ${id}`,
  state: 'ready',
  spec,
  atNs: 1_700_000_000_123_456_789n,
})

test('records come back as they were after the daemon was killed', () => {
  const first = openDatabase(directory)
  const record = sample('a', { args: ['sleep', '5n', '\\7n', '-1n', '5 n'], env: ['A=5n'] })
  new RecordTable(first, codec).insert(record)
  const second = openDatabase(directory)
  assert.equal(new RecordTable(second, codec).all(), [record])
  first.close()
  second.close()
})

test('two records of one name are refused by the database itself', () => {
  const database = openDatabase(directory)
  const table = new RecordTable(database, codec)
  table.insert(sample('b'))
  try {
    table.insert({ ...sample('c'), uniqueName: 'name of b' })
    assert.unreachable()
  } catch (error) {
    assert.is(error instanceof GantryError && error.code, 'already_exists')
  }
  database.close()
})

test('opening again and again does not let the database grow', async () => {
  const sizes: number[] = []
  for (let n = 0; n < 4; n++) {
    openDatabase(directory).close()
    sizes.push((await stat(join(directory, 'gantry.db'))).size)
  }
  assert.is(sizes[3], sizes[1], sizes.join())
})

test.run()
