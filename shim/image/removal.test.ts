// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Trash } from './removal.ts'

const root = mkdtempSync(join(tmpdir(), 'gantry-trash-'))
test.after(() => rmSync(root, { recursive: true, force: true }))

function trash(name: string) {
  const directory = join(root, name)
  const errors: unknown[] = []
  return { directory, errors, trash: new Trash(directory, (_, error) => errors.push(error)) }
}

function tree(name: string): string {
  const directory = join(root, name)
  mkdirSync(join(directory, 'below'), { recursive: true })
  // One more than are deleted without a child.
  for (let n = 0; n < 48; n++) writeFileSync(join(directory, `below/${n}`), 'x')
  return directory
}

test('a tree that is thrown away has its name free at once, and its space when that is told', async () => {
  const { trash: can, directory, errors } = trash('one')
  const doomed = tree('doomed')
  const { freed } = await can.discard(doomed)
  assert.not(readdirSync(root).includes('doomed'))
  await freed
  assert.equal([readdirSync(directory), errors], [[], []])
})

test('trees that go at the same time are all gone when each says so', async () => {
  const { trash: can, directory, errors } = trash('many')
  const trees = Array.from({ length: 250 }, (_, n) => tree(`many-${n}`))
  const discarded = await Promise.all(trees.map((one) => can.discard(one)))
  await Promise.all(discarded.map(({ freed }) => freed))
  assert.equal([readdirSync(directory), errors], [[], []])
})

test('a tree that is not there is free', async () => {
  const { trash: can, errors } = trash('none')
  await (await can.discard(join(root, 'never-was'))).freed
  await can.settled()
  assert.equal(errors, [])
})

test('what a former process left is deleted, and settled waits for it', async () => {
  const { trash: can, directory, errors } = trash('left')
  tree('left/a')
  tree('left/b')
  await can.empty()
  await can.settled()
  assert.equal([readdirSync(directory), errors], [[], []])
})

test('a child that cannot delete is told, and nobody waits for ever', async () => {
  const path = process.env.PATH
  const { trash: can, errors } = trash('stuck')
  process.env.PATH = join(root, 'no-programs')
  try {
    const { freed } = await can.discard(tree('kept'))
    await freed
  } finally {
    process.env.PATH = path
  }
  assert.match(String(errors), /run rm/)
})

test.run()
