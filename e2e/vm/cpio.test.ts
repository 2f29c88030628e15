// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { packCpio } from './cpio.ts'

const content = Buffer.from('#!/bin/sh\n')
const archive = packCpio([
  { kind: 'directory', path: 'dev' },
  { kind: 'device', path: 'dev/console', major: 5, minor: 1 },
  { kind: 'file', path: 'init', mode: 0o755, content },
  { kind: 'symlink', path: 'sh', target: 'init' },
])

function cpio(...args: string[]): string {
  return spawnSync('busybox', ['cpio', ...args], { input: archive, encoding: 'utf8' }).stdout
}

test('an archive lists its entries with type, mode and size', () => {
  const lines = cpio('-itv').trim().split('\n')
  assert.equal(lines, [
    'drwxr-xr-x 0/0         0 1970-01-01 00:00:00 dev',
    'crw------- 0/0         0 1970-01-01 00:00:00 dev/console',
    '-rwxr-xr-x 0/0        10 1970-01-01 00:00:00 init',
    'lrwxrwxrwx 0/0         0 1970-01-01 00:00:00 sh -> init',
  ])
})

test('a file comes out of the archive as it went in', () => {
  assert.is(cpio('-i', '--to-stdout', 'init'), content.toString())
})

test('every header stands at a multiple of four', () => {
  const text = archive.toString('latin1')
  for (let at = text.indexOf('070701'); at >= 0; at = text.indexOf('070701', at + 1)) assert.is(at % 4, 0)
  assert.is(archive.length % 4, 0)
})

test.run()
