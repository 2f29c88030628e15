// SPDX-License-Identifier: Apache-2.0
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { removeSmallTree } from './small-tree.ts'

const root = mkdtempSync(join(tmpdir(), 'gantry-small-'))
test.after(() => rmSync(root, { recursive: true, force: true }))

function tree(name: string): string {
  const directory = join(root, name)
  mkdirSync(join(directory, 'upper/etc'), { recursive: true })
  mkdirSync(join(directory, 'work/work'), { recursive: true })
  return directory
}

test('a tree of a few files is deleted, and what its links lead to is not', async () => {
  const directory = tree('few')
  const kept = tree('kept')
  writeFileSync(join(kept, 'upper/file'), 'x')
  writeFileSync(join(directory, 'upper/etc/hosts'), 'x')
  symlinkSync(kept, join(directory, 'upper/link'))
  assert.is(await removeSmallTree(directory), true)
  assert.is(existsSync(directory), false)
  assert.equal(readdirSync(join(kept, 'upper')).sort(), ['etc', 'file'])
})

test('a tree of many files is left as it is', async () => {
  const directory = tree('many')
  for (let n = 0; n < 45; n++) writeFileSync(join(directory, `upper/etc/${n}`), '')
  assert.is(await removeSmallTree(directory), false)
  assert.is(readdirSync(join(directory, 'upper/etc')).length, 45)
})

test('so is one of a large file', async () => {
  const directory = tree('large')
  writeFileSync(join(directory, 'upper/core'), '')
  truncateSync(join(directory, 'upper/core'), (4 << 20) + 1)
  assert.is(await removeSmallTree(directory), false)
  assert.is(existsSync(join(directory, 'upper/core')), true)
})

test.run()
