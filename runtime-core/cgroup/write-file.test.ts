// SPDX-License-Identifier: Apache-2.0

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { GantryError } from '../errors.ts'
import { writeCgroupFile } from './write-file.ts'

const directory = mkdtempSync(join(tmpdir(), 'cgroup-write-'))
const at = (name: string) => join(directory, name)

test.after(() => rmSync(directory, { recursive: true }))

test('of two files the first that is there gets its value', async () => {
  writeFileSync(at('io.weight'), '')
  const orElse = { path: at('io.weight'), value: '910' }
  await writeCgroupFile({ path: at('io.bfq.weight'), value: '100', orElse })
  assert.is(readFileSync(at('io.weight'), 'utf8'), '910')
  writeFileSync(at('io.bfq.weight'), '')
  await writeCgroupFile({ path: at('io.bfq.weight'), value: '200', orElse: { ...orElse, value: '7' } })
  assert.is(readFileSync(at('io.bfq.weight'), 'utf8'), '200')
  assert.is(readFileSync(at('io.weight'), 'utf8'), '910')
})

test('a missing file is an error with a hint, unless it may be missing', async () => {
  await writeCgroupFile({ path: at('blkio.weight'), value: '1', ignore: ['ENOENT'] })
  const orElse = { path: at('blkio.bfq.weight'), value: '1' }
  const error = await writeCgroupFile({ path: at('blkio.weight'), value: '1', orElse }).catch((cause: unknown) => cause)
  assert.instance(error, GantryError)
  assert.match((error as GantryError).message, /write "1" to ".*\/blkio\.bfq\.weight": ENOENT/)
  assert.match((error as GantryError).hint ?? '', /BFQ/)
})

test.run()
