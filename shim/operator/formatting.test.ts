// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { formatAge, formatBytes, shortId } from './quantities.ts'
import { formatTable } from './table.ts'

const SECOND = 1_000_000_000n

test('an age is shown in its two largest units', () => {
  const now = 10_000_000n * SECOND
  const ago = (seconds: number) => formatAge(now - BigInt(seconds) * SECOND, now)
  assert.is(ago(0), '0s')
  assert.is(ago(59), '59s')
  assert.is(ago(200), '3m20s')
  assert.is(ago(3_600), '1h')
  assert.is(ago(3_600 + 5), '1h')
  assert.is(ago(2 * 86_400 + 4 * 3_600 + 60), '2d4h')
})

test('an age that is not known, or lies in the future, is a dash', () => {
  assert.is(formatAge(0n, SECOND), '-')
  assert.is(formatAge(2n * SECOND, SECOND), '-')
})

test('sizes are shown in the largest unit that leaves one', () => {
  assert.is(formatBytes(0n), '0B')
  assert.is(formatBytes(1_023n), '1023B')
  assert.is(formatBytes(1_536n), '1.5KiB')
  assert.is(formatBytes(4_404_019n), '4.2MiB')
  assert.is(formatBytes(3n * 1024n ** 4n), '3.0TiB')
})

test('an image id is shown without its algorithm', () => {
  assert.is(shortId(`sha256:${'ab'.repeat(32)}`), 'ababababababa')
  assert.is(shortId('cd'.repeat(32)), 'cdcdcdcdcdcdc')
})

const COLUMNS = [
  { title: 'NAME', show: ({ name }: { name: string }) => name },
  { title: 'END', show: () => 'x' },
]

test('columns are as wide as their widest value, and no line ends in blanks', () => {
  const text = formatTable(COLUMNS, [{ name: 'a' }, { name: 'longer' }])
  assert.is(text, 'NAME     END\na        x\nlonger   x\n')
})

test('a table without rows is its heading', () => {
  assert.is(formatTable(COLUMNS, []), 'NAME   END\n')
})

test('an empty value is a dash, so that columns can be cut by position', () => {
  assert.is(formatTable(COLUMNS, [{ name: '' }]), 'NAME   END\n-      x\n')
})

test('a name with control characters is shown and not obeyed', () => {
  const text = formatTable(COLUMNS, [{ name: 'a\u001b[2Jb\u202ec' }])
  assert.ok(!text.includes('\u001b') && !text.includes('\u202e'), JSON.stringify(text))
  assert.match(text, /a\\u\{1b\}\[2Jb\\u\{202e\}c/)
})

test.run()
