// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LayerUsage } from './layers.ts'

const root = mkdtempSync(join(tmpdir(), 'gantry-layers-'))
test.after(() => rmSync(root, { recursive: true, force: true }))

const MS = 1_000_000n

function usage(deadlineMs = 10_000, maxAgeMs = 1000) {
  const clock = { nowNs: 1_000_000n * MS }
  const errors: unknown[] = []
  const layers = new LayerUsage({
    now: () => clock.nowNs,
    maxAgeMs,
    deadlineMs,
    onError: (error) => errors.push(error),
  })
  return { clock, layers, errors }
}

function tree(name: string, bytes: number): string {
  const directory = join(root, name)
  mkdirSync(directory)
  writeFileSync(join(directory, 'file'), Buffer.alloc(bytes, 1))
  return directory
}

test('many trees are measured together, and one that is gone does not matter', async () => {
  const { layers, errors, clock } = usage()
  const [a, b] = [tree('a', 100_000), tree('b', 300_000)]
  const gone = join(root, 'gone')
  assert.is(layers.last(a), undefined)
  await layers.renewed([a, gone, b], 10_000)
  const [ofA, ofB] = [layers.last(a), layers.last(b)]
  assert.ok((ofA?.bytes ?? 0n) >= 100_000n && (ofA?.bytes ?? 0n) < 200_000n, String(ofA?.bytes))
  assert.ok((ofB?.bytes ?? 0n) >= 300_000n && (ofB?.bytes ?? 0n) < 400_000n, String(ofB?.bytes))
  assert.equal([ofA?.inodes, ofA?.timestampNs], [2n, clock.nowNs])
  assert.is(layers.last(gone), undefined)
  await layers.renewed([gone], 10_000)
  assert.equal(errors, [])
})

test('more trees than one child is given are all measured, for who asks meanwhile too', async () => {
  const { layers } = usage()
  const trees = Array.from({ length: 70 }, (_, n) => tree(`many-${n}`, 10))
  const [last = ''] = trees.slice(-1)
  await Promise.all([layers.renewed(trees, 10_000), layers.renewed([last], 10_000)])
  assert.equal(
    trees.filter((directory) => layers.last(directory)?.inodes !== 2n),
    [],
  )
})

test('a measurement is renewed when it is old and asked for', async () => {
  const { layers, clock } = usage()
  const directory = tree('c', 10)
  await layers.renewed([directory], 10_000)
  const first = layers.last(directory)
  await layers.renewed([directory], 10_000)
  clock.nowNs += 1500n * MS
  assert.is(layers.last(directory), first)
  writeFileSync(join(directory, 'more'), 'x')
  await layers.renewed([directory], 10_000)
  assert.equal([first?.inodes, layers.last(directory)?.inodes], [2n, 3n])
  layers.keep(new Set())
  assert.is(layers.last(directory), undefined)
})

test('a tree that takes too long is put off, and what was asked for it returns', async () => {
  const path = process.env.PATH
  process.env.PATH = `${endlessDu()}:${path}`
  try {
    const { layers, clock, errors } = usage(50, 100)
    const directory = tree('e', 10)
    await layers.renewed([directory], 10_000)
    assert.is(layers.last(directory), undefined)
    process.env.PATH = path
    clock.nowNs += 100n * MS
    await layers.renewed([directory], 10_000)
    assert.is(layers.last(directory), undefined, 'it is not measured again so soon')
    clock.nowNs += 400n * MS
    await layers.renewed([directory], 10_000)
    assert.is(layers.last(directory)?.inodes, 2n, 'ten times as long as it took, and it is')
    assert.equal(errors, [])
  } finally {
    process.env.PATH = path
  }
})

/** A directory with a `du` that never comes to an end, as it does on a file system that hangs. */
function endlessDu(): string {
  const directory = join(root, 'bin')
  mkdirSync(directory)
  writeFileSync(join(directory, 'du'), '#!/bin/sh\nexec sleep 1000000\n', { mode: 0o755 })
  return directory
}

test.run()
