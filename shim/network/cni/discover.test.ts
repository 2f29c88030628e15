// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import { renameSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CniConfigurations, type ConfigurationSnapshot, configurationStatus, loadConfigurations } from './discover.ts'
import { FakeNode, until } from './fake-plugins.fixture.ts'

const list = (name: string) => ({ cniVersion: '1.0.0', name, plugins: [{ type: 'a' }] })
const names = (snapshot: ConfigurationSnapshot) => snapshot.networks.map((network) => network.name)

/** A directory under watch; closed at the end of the block. */
async function watched(dir: string) {
  const configurations = new CniConfigurations({ dir, gatherMs: 5 })
  await configurations.start()
  return Object.assign(configurations, { [Symbol.asyncDispose]: () => configurations.close() })
}

test('the first usable file by the bytes of its name is the network', async () => {
  await using node = await FakeNode.create()
  await node.conf('b.conflist', list('b'))
  await node.conf('B.conflist', list('big'))
  await node.conf('10-a.conf', { name: 'single', type: 'a' })
  await node.conf('9.json', { name: 'nine', type: 'a' })
  await node.conf('é.conflist', list('accent'))
  assert.equal(names(await loadConfigurations(node.confDir)), ['single', 'nine', 'big', 'b', 'accent'])
})

test('other files and directories do not count', async () => {
  await using node = await FakeNode.create()
  await node.conf('1.txt', list('x'))
  await node.conf('1.conflist.bak', list('x'))
  await mkdir(join(node.confDir, '2.conflist'))
  const snapshot = await loadConfigurations(node.confDir)
  assert.equal([snapshot.files, snapshot.networks], [[], []])
  assert.is(
    configurationStatus(snapshot).message,
    `no usable cni configuration in "${node.confDir}": no .conf, .conflist or .json file in it`,
  )
})

test('a bad file is reported and hides no other', async () => {
  await using node = await FakeNode.create()
  await node.conf('1.conflist', '{')
  await node.conf('2.conflist', list('good'))
  await node.conf('3.conflist', list('good'))
  const snapshot = await loadConfigurations(node.confDir)
  assert.equal(names(snapshot), ['good'])
  assert.equal(
    snapshot.skipped.map(({ file }) => file),
    ['1.conflist', '3.conflist'],
  )
  const status = configurationStatus(snapshot)
  assert.is(status.ready, true)
  assert.match(status.message, /^network "good" of ".*"; left out: parse cni configuration "1\.conflist": .*JSON/)
  assert.match(status.message, '"3.conflist": network "good" is defined by "2.conflist" already')
})

test('when nothing is usable the status names the directory, every file and what is wrong', async () => {
  await using node = await FakeNode.create()
  await node.conf('1.conflist', { name: 'x', plugins: [{}] })
  await node.conf('2.conf', { type: 'a' })
  const { ready, reason, message } = configurationStatus(await loadConfigurations(node.confDir))
  assert.equal([ready, reason], [false, 'NetworkPluginNotReady'])
  assert.is(
    message,
    `no usable cni configuration in "${node.confDir}": parse cni configuration "1.conflist": plugin 0: missing "type"; ` +
      'parse cni configuration "2.conf": missing "name"',
  )
})

test('a directory that does not exist is said to be missing', async () => {
  const { message } = configurationStatus(await loadConfigurations('/nowhere/net.d'))
  assert.is(message, 'no usable cni configuration in "/nowhere/net.d": the directory does not exist')
})

test('a FIFO or a huge file in the directory neither hangs nor fills memory', async () => {
  await using node = await FakeNode.create()
  execFileSync('mkfifo', [join(node.confDir, '1.conf')])
  await node.conf('2.conf', ' '.repeat(1024 * 1024 + 1))
  const { skipped } = await loadConfigurations(node.confDir)
  assert.match(skipped[0]?.reason ?? '', /1\.conf": not a regular file/)
  assert.match(skipped[1]?.reason ?? '', /2\.conf": 1048577 bytes, the limit is 1048576/)
})

test("plugins of the list's own directory are appended in order", async () => {
  await using node = await FakeNode.create()
  await node.conf('1.conflist', list('podnet'))
  await mkdir(join(node.confDir, 'podnet'))
  await node.conf('podnet/20-c.conf', { type: 'c' })
  await node.conf('podnet/10-b.conf', { type: 'b' })
  await node.conf('podnet/30.conflist', { type: 'no' })
  const [network] = (await loadConfigurations(node.confDir)).networks
  assert.equal(
    network?.plugins.map((plugin) => plugin.type),
    ['a', 'b', 'c'],
  )
})

test('a list that loads only inlined plugins does not look into its directory', async () => {
  await using node = await FakeNode.create()
  await node.conf('1.conflist', { ...list('podnet'), loadOnlyInlinedPlugins: true })
  await mkdir(join(node.confDir, 'podnet'))
  await node.conf('podnet/10-b.conf', 'broken')
  assert.is((await loadConfigurations(node.confDir)).networks[0]?.plugins.length, 1)
})

test("a broken file in the list's directory makes the list unusable, by name", async () => {
  await using node = await FakeNode.create()
  await node.conf('1.conflist', list('podnet'))
  await mkdir(join(node.confDir, 'podnet'))
  await node.conf('podnet/10-b.conf', '{}')
  const [skipped] = (await loadConfigurations(node.confDir)).skipped
  assert.is(skipped?.reason, 'parse cni configuration "podnet/10-b.conf": missing "type"')
})

test('files that come, change and go are noticed', async () => {
  await using node = await FakeNode.create()
  await using configurations = await watched(node.confDir)
  assert.is(configurations.status().ready, false)
  await node.conf('1.conflist', list('one'))
  await until('it comes', () => configurations.current()?.name === 'one')
  await node.conf('1.conflist', list('two'))
  await until('it changes', () => configurations.current()?.name === 'two')
  await node.conf('.new', list('three'))
  await rename(join(node.confDir, '.new'), join(node.confDir, '1.conflist'))
  await until('it is replaced', () => configurations.current()?.name === 'three')
  await rm(join(node.confDir, '1.conflist'))
  await until('it goes', () => !configurations.status().ready)
  assert.is(configurations.watchError, undefined)
})

test('a directory that does not exist yet, nor its parents, is noticed when it comes, goes and comes again', async () => {
  await using node = await FakeNode.create()
  const dir = join(node.root, 'etc', 'cni', 'net.d')
  await using configurations = await watched(dir)
  for (const name of ['first', 'second']) {
    await mkdir(dir, { recursive: true })
    await writeFile(join(dir, '1.conflist'), JSON.stringify(list(name)))
    await until(`${name} comes`, () => configurations.current()?.name === name)
    await rm(join(node.root, 'etc'), { recursive: true })
    await until(`${name} goes`, () => configurations.current() === undefined)
  }
})

test("a change in the list's own directory is noticed", async () => {
  await using node = await FakeNode.create()
  await node.conf('1.conflist', list('podnet'))
  await mkdir(join(node.confDir, 'podnet'))
  await using configurations = await watched(node.confDir)
  await node.conf('podnet/10-b.conf', { type: 'b' })
  await until('the plugin is appended', () => configurations.current()?.plugins.length === 2)
})

test('a refresh sees a change at once, and costs no parsing when there is none', async () => {
  await using node = await FakeNode.create()
  await node.conf('1.conflist', list('one'))
  const seen: string[] = []
  const onChange = (snapshot: ConfigurationSnapshot) => seen.push(names(snapshot).join())
  const configurations = new CniConfigurations({ dir: node.confDir, onChange })
  await configurations.refresh()
  const before = configurations.snapshot()
  assert.is(await configurations.refresh(), before)
  await node.conf('1.conflist', list('two'))
  assert.equal(names(await configurations.refresh()), ['two'])
  assert.equal(seen, ['one', 'two'])
  await configurations.close()
})

test('a directory that is replaced by another one is watched from then on', async () => {
  await using node = await FakeNode.create()
  await using configurations = await watched(node.confDir)
  const next = join(node.root, 'next')
  await mkdir(next)
  await writeFile(join(next, '1.conflist'), JSON.stringify(list('one')))
  renameSync(node.confDir, join(node.root, 'old'))
  renameSync(next, node.confDir)
  await until('the other directory is read', () => configurations.current()?.name === 'one')
  await node.conf('1.conflist', list('two'))
  await until('a change in it is noticed', () => configurations.current()?.name === 'two')
})

test('after close nothing is watched any more', async () => {
  await using node = await FakeNode.create()
  const closed = await watched(node.confDir)
  await closed.close()
  await using other = await watched(node.confDir)
  await node.conf('1.conflist', list('late'))
  await until('one that watches has seen it', () => other.current()?.name === 'late')
  assert.is(closed.current(), undefined)
})

test.run()
