// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { podFilePaths, readHostFile, writePodFiles } from './write.ts'

const texts = { hostname: 'web-0\n', hosts: '127.0.0.1\tlocalhost\n', resolvConf: 'nameserver 1.1.1.1\n' }

async function directory() {
  const path = await mkdtemp(join(tmpdir(), 'gantry-pod-files-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

test('the files are written where they are said to be, readable for every user of the pod', async () => {
  await using tmp = await directory()
  const dir = join(tmp.path, 'a', 'b')
  const old = process.umask(0o077)
  try {
    const paths = await writePodFiles(dir, texts)
    assert.equal(paths, podFilePaths(dir))
    assert.is(await readFile(paths.hostname, 'utf8'), texts.hostname)
    assert.is(await readFile(paths.hosts, 'utf8'), texts.hosts)
    assert.is(await readFile(paths.resolvConf, 'utf8'), texts.resolvConf)
    for (const path of Object.values(paths)) assert.is((await stat(path)).mode & 0o777, 0o644)
    assert.is((await stat(dir)).mode & 0o777, 0o711)
  } finally {
    process.umask(old)
  }
})

test('writing again replaces the files and leaves no draft', async () => {
  await using tmp = await directory()
  await writePodFiles(tmp.path, texts)
  const paths = await writePodFiles(tmp.path, { ...texts, hostname: 'web-1\n' })
  assert.is(await readFile(paths.hostname, 'utf8'), 'web-1\n')
  assert.equal((await readdir(tmp.path)).sort(), ['hostname', 'hosts', 'resolv.conf'])
})

test('a directory that cannot be written is named in the error', async () => {
  await using tmp = await directory()
  const dir = join(tmp.path, 'file')
  await writeFile(dir, '')
  const error = await writePodFiles(dir, texts).then(
    () => undefined,
    (failure: Error) => failure,
  )
  assert.is(error?.message, `write pod file "${dir}": EEXIST`)
})

test('a file of the host that does not exist is empty, one that is too large is refused', async () => {
  await using tmp = await directory()
  assert.is(await readHostFile(join(tmp.path, 'missing')), '')
  const path = join(tmp.path, 'large')
  await writeFile(path, Buffer.alloc(1024 * 1024))
  assert.is((await readHostFile(path)).length, 1024 * 1024)
  await writeFile(path, Buffer.alloc(1024 * 1024 + 1))
  const error = await readHostFile(path).then(
    () => undefined,
    (failure: Error) => failure,
  )
  assert.is(error?.message, `read host file "${path}": 1048577 bytes, the limit is 1048576`)
})

test.run()
