// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { homeOf, withHome } from './home.ts'

const test = suite<{ root: string }>('HOME')
test.before.each((context) => {
  context.root = mkdtempSync(join(tmpdir(), 'home-'))
  mkdirSync(join(context.root, 'etc'))
})
test.after.each(({ root }) => rmSync(root, { recursive: true }))

const PASSWD = 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\nnowhere:x:5:5:::\nshort:x:6\n'
const home = (root: string, uid: number, env: readonly string[] = []) =>
  withHome({ cwd: '/', user: { uid, gid: 0 }, env: [...env] }, root).env

test('is the directory of the user in the image', ({ root }) => {
  writeFileSync(join(root, 'etc/passwd'), PASSWD)
  assert.equal(home(root, 1000, ['A=b']), ['A=b', 'HOME=/home/app'])
})

test('is / for a user the image does not know, or knows no directory of', () => {
  assert.equal(
    [7, 5, 6].map((uid) => homeOf(uid, PASSWD)),
    ['/', '/', '/'],
  )
})

test('is / where the image has no users', ({ root }) => {
  assert.equal(home(root, 0), ['HOME=/'])
})

test('is what the environment says, unless that is empty', ({ root }) => {
  writeFileSync(join(root, 'etc/passwd'), PASSWD)
  assert.equal(home(root, 0, ['HOME=/mine']), ['HOME=/mine'])
  assert.equal(home(root, 0, ['HOME=']), ['HOME=/root'])
})

test('is never read through a link of the image', ({ root }) => {
  writeFileSync(join(root, 'elsewhere'), PASSWD)
  symlinkSync(join(root, 'elsewhere'), join(root, 'etc/passwd'))
  assert.equal(home(root, 0), ['HOME=/'])
})

test.run()
