// SPDX-License-Identifier: Apache-2.0
import { readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../../runtime-core/errors.ts'
import { AttachmentCache, type CachedAttachment } from './cache.ts'
import { FakeNode, failureOf } from './fake-plugins.fixture.ts'

const attachment: CachedAttachment = {
  network: 'pod-net',
  sandboxId: 'abc',
  ifName: 'eth0',
  config: '{"name":"pod-net"}',
  netnsPath: '/proc/7/fd/3',
  netnsIdentity: 'net:[4026531840]',
  args: [['IgnoreUnknown', '1']],
  capabilityArgs: { portMappings: [{ hostPort: 1 }] },
  result: { cniVersion: '1.0.0', ips: [] },
}

const fileOf = (node: FakeNode, name = 'pod-net-abc-eth0') => join(node.cacheDir, 'results', name)

test("an attachment is kept in libcni's file and format", async () => {
  await using node = await FakeNode.create()
  await new AttachmentCache(node.cacheDir).commit(attachment)
  assert.equal(JSON.parse(await readFile(fileOf(node), 'utf8')), {
    kind: 'cniCacheV1',
    containerId: 'abc',
    config: Buffer.from('{"name":"pod-net"}').toString('base64'),
    ifName: 'eth0',
    networkName: 'pod-net',
    netns: '/proc/7/fd/3',
    netnsIdentity: 'net:[4026531840]',
    cniArgs: [['IgnoreUnknown', '1']],
    capabilityArgs: { portMappings: [{ hostPort: 1 }] },
    result: { cniVersion: '1.0.0', ips: [] },
  })
  assert.is((await stat(fileOf(node))).mode & 0o777, 0o600)
})

test('what was written is read back, the intent without a result', async () => {
  await using node = await FakeNode.create()
  const cache = new AttachmentCache(node.cacheDir)
  const intent = { ...attachment, result: undefined }
  await cache.reserve(intent)
  assert.equal((await cache.list('abc'))[0]?.attachment, intent)
  await cache.commit(attachment)
  assert.equal(await new AttachmentCache(node.cacheDir).list(), [{ key: attachment, attachment }])
  assert.equal(await readdir(join(node.cacheDir, 'results')), ['pod-net-abc-eth0'])
})

test('a second intent for the same attachment is refused and changes nothing', async () => {
  await using node = await FakeNode.create()
  const cache = new AttachmentCache(node.cacheDir)
  await cache.commit(attachment)
  const error = await failureOf(cache.reserve({ ...attachment, result: undefined }))
  assert.ok(hasCode(error, 'already_exists'))
  assert.equal((await cache.list('abc'))[0]?.attachment, attachment)
  assert.equal(await readdir(join(node.cacheDir, 'results')), ['pod-net-abc-eth0'])
})

test('removing is repeatable, and a cache nobody wrote to is empty', async () => {
  await using node = await FakeNode.create()
  const cache = new AttachmentCache(node.cacheDir)
  assert.equal(await cache.list(), [])
  await cache.remove(attachment)
  await cache.commit(attachment)
  await cache.remove(attachment)
  await cache.remove(attachment)
  assert.equal(await cache.list(), [])
})

test('only the entries of the sandbox are listed, whatever the other names look like', async () => {
  await using node = await FakeNode.create()
  const cache = new AttachmentCache(node.cacheDir)
  await cache.commit(attachment)
  await cache.commit({ ...attachment, sandboxId: 'abcd' })
  await cache.commit({ ...attachment, network: 'x-abc-y', sandboxId: 'other' })
  assert.equal(
    (await cache.list('abc')).map((entry) => entry.key.sandboxId),
    ['abc'],
  )
  assert.is((await cache.list()).length, 3)
})

test('a file that cannot be read is known by its name', async () => {
  await using node = await FakeNode.create()
  const cache = new AttachmentCache(node.cacheDir)
  await cache.commit(attachment)
  for (const broken of ['', '{"kind":"cniCacheV1"', '[]', '{"kind":"other"}', '{"kind":"cniCacheV1"}']) {
    await writeFile(fileOf(node), broken)
    const key = { network: 'pod-net', sandboxId: 'abc', ifName: 'eth0' }
    assert.equal(await cache.list('abc'), [{ key, attachment: undefined }])
  }
})

test('a file that speaks of another attachment than its name is not believed', async () => {
  await using node = await FakeNode.create()
  const cache = new AttachmentCache(node.cacheDir)
  await cache.commit(attachment)
  await rename(fileOf(node), fileOf(node, 'pod-net-zzz-eth0'))
  await writeFile(fileOf(node, '.left.tmp'), 'half')
  await writeFile(fileOf(node, 'README'), 'not ours')
  assert.equal(await cache.list(), [])
})

test('a directory that cannot be made is named in the error', async () => {
  await using node = await FakeNode.create()
  await writeFile(node.cacheDir, 'a file')
  const error = await failureOf(new AttachmentCache(node.cacheDir).reserve(attachment))
  assert.is(error.message, `create network attachment "${node.cacheDir}/results": ENOTDIR`)
})

test.run()
