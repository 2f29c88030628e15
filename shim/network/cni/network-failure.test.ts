// SPDX-License-Identifier: Apache-2.0
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { GantryError, hasCode } from '../../../runtime-core/errors.ts'
import {
  answer,
  FakeNode,
  failureOf,
  list,
  netnsPath,
  networkOf,
  patience,
  pod,
  records,
  until,
} from './fake-plugins.fixture.ts'

test('a failed attachment is undone for the plugins that ran, and forgotten', async () => {
  await using node = await FakeNode.create()
  await node.answering('first', answer)
  await node.plugin('second', `[ $CNI_COMMAND = DEL ] && exit 0; echo '{"code":7,"msg":"bad key"}'; exit 1`)
  await node.answering('third', answer)
  await node.conf('1.conflist', list('1.0.0', { type: 'first' }, { type: 'second' }, { type: 'third' }))
  const network = await networkOf(node)
  const error = await failureOf(network.setup(pod, patience))
  assert.is(error.message, 'cni ADD "second" (network "podnet"): plugin error 7: bad key')
  assert.equal(await node.order(), ['first ADD', 'second ADD', 'second DEL', 'first DEL'])
  assert.equal((await node.calls())[3]?.stdin['prevResult'], answer)
  assert.equal(await records(node), [])
})

test('what fails while undoing is carried with the first error, the rest is still undone, and teardown tries again', async () => {
  await using node = await FakeNode.create()
  await node.answering('first', answer)
  const body = `[ -e "$ROOT/healed" ] && exit 0; echo "{\\"code\\":5,\\"msg\\":\\"$CNI_COMMAND broke\\"}"; exit 1`
  await node.plugin('second', body)
  await node.conf('1.conflist', list('1.0.0', { type: 'first' }, { type: 'second' }))
  const network = await networkOf(node)
  const error = await failureOf(network.setup(pod, patience))
  assert.ok(error instanceof GantryError)
  assert.is(error.message, 'set up pod network: cni ADD "second" (network "podnet"): plugin error 5: ADD broke')
  assert.equal(error.cleanup.map(String), [
    'GantryError: cni DEL "second" (network "podnet"): plugin error 5: DEL broke',
  ])
  assert.is(error.stage, 'cni_add')
  assert.equal(await node.order(), ['first ADD', 'second ADD', 'second DEL', 'first DEL'])
  assert.equal(await records(node), ['podnet-abc-eth0'])
  await writeFile(join(node.root, 'healed'), '')
  await network.teardown({ sandboxId: 'abc', netnsPath }, patience)
  assert.equal((await node.order()).slice(4), ['second DEL', 'first DEL'])
  assert.equal(await records(node), [])
})

test('a plugin that hangs is killed at the deadline and undone with time of its own', async () => {
  await using node = await FakeNode.create()
  await node.plugin('a', '[ $CNI_COMMAND = ADD ] && sleep 1000; exit 0')
  await node.conf('1.conflist', list('1.0.0', { type: 'a' }))
  const error = await failureOf((await networkOf(node)).setup(pod, { deadlineMs: 200 }))
  assert.ok(hasCode(error, 'deadline_exceeded'))
  assert.match(error.message, /^cni ADD "a" \(network "podnet"\): no answer, killed after \d+ ms$/)
  assert.equal(await node.order(), ['a ADD', 'a DEL'])
  assert.equal(await records(node), [])
})

test('a missing binary is found before any plugin runs', async () => {
  await using node = await FakeNode.create()
  await node.answering('first', answer)
  await node.conf('1.conflist', list('1.0.0', { type: 'first' }, { type: 'gone' }))
  const error = await failureOf((await networkOf(node)).setup(pod, patience))
  assert.match(error.message, 'find cni plugin "gone": no executable of that name in')
  assert.equal(await node.order(), [])
})

test("a result without an address for the pod's interface fails the setup and is undone", async () => {
  await using node = await FakeNode.create()
  await node.answering('a', { cniVersion: '1.0.0', interfaces: [{ name: 'eth0', sandbox: '/ns' }], ips: [] })
  await node.conf('1.conflist', list('1.0.0', { type: 'a' }))
  const error = await failureOf((await networkOf(node)).setup(pod, patience))
  assert.is(error.message, 'cni ADD to network "podnet": the result has no address for eth0')
  assert.equal(await node.order(), ['a ADD', 'a DEL'])
})

test('a plugin that answers nonsense is named', async () => {
  await using node = await FakeNode.create()
  await node.plugin('a', 'echo hello')
  await node.conf('1.conflist', list('1.0.0', { type: 'a' }))
  const error = await failureOf((await networkOf(node)).setup(pod, patience))
  assert.match(error.message, /^cni ADD "a" \(network "podnet"\): parse cni result: not JSON/)
})

test('without a configuration the setup says what is missing, and finds one that came since', async () => {
  await using node = await FakeNode.create()
  const network = await networkOf(node)
  const error = await failureOf(network.setup(pod, patience))
  assert.ok(hasCode(error, 'unavailable'))
  assert.match(error.message, `set up pod network "abc": no usable cni configuration in "${node.confDir}"`)
  await node.answering('a', answer)
  await node.conf('1.conflist', list('1.0.0', { type: 'a' }))
  assert.is((await network.setup(pod, patience)).ip, '10.9.0.2')
})

test('a pod that is attached is not attached again', async () => {
  await using node = await FakeNode.create()
  await node.answering('a', answer)
  await node.conf('1.conflist', list('1.0.0', { type: 'a' }))
  const network = await networkOf(node)
  await network.setup(pod, patience)
  assert.ok(hasCode(await failureOf(network.setup(pod, patience)), 'already_exists'))
  assert.equal(await node.order(), ['a ADD'])
})

test('a path that is no network namespace, or an id that is none, starts nothing', async () => {
  await using node = await FakeNode.create()
  await node.answering('a', answer)
  await node.conf('1.conflist', list('1.0.0', { type: 'a' }))
  const network = await networkOf(node)
  for (const path of ['', '/dev/null', '/proc/self/ns/mnt', '/proc/4194305/fd/3']) {
    const error = await failureOf(network.setup({ ...pod, netnsPath: path }, patience))
    assert.is(error.message, `set up pod network "abc": ${JSON.stringify(path)} is not a network namespace`)
  }
  const error = await failureOf(network.setup({ ...pod, sandboxId: '../x' }, patience))
  assert.ok(hasCode(error, 'invalid_argument'))
  assert.equal(await node.order(), [])
})

test('after a death in the middle of ADD the record leads to DEL', async () => {
  await using node = await FakeNode.create()
  await node.plugin('a', '[ $CNI_COMMAND = ADD ] && { touch "$ROOT/adding"; sleep 1000; }; exit 0')
  await node.conf('1.conflist', list('1.0.0', { type: 'a' }))
  const dying = new AbortController()
  const setup = failureOf((await networkOf(node)).setup(pod, { deadlineMs: 60_000, signal: dying.signal }))
  await until('ADD runs', async () => (await readdir(node.root)).includes('adding'))
  const restarted = await networkOf(node)
  assert.equal([...(await restarted.attachments())], [['abc', undefined]])
  await restarted.teardown({ sandboxId: 'abc', netnsPath }, patience)
  assert.equal(await node.order(), ['a ADD', 'a DEL'])
  assert.equal(await records(node), [])
  dying.abort()
  await setup
})

test('after a restart the addresses of attached pods are still known', async () => {
  await using node = await FakeNode.create()
  await node.answering('a', answer)
  await node.conf('1.conflist', list('1.0.0', { type: 'a' }))
  const result = await (await networkOf(node)).setup(pod, patience)
  assert.equal([...(await (await networkOf(node)).attachments())], [['abc', result]])
})

test("an unreadable record is undone with today's network of that name and removed", async () => {
  await using node = await FakeNode.create()
  await node.answering('a', answer)
  await node.conf('1.conflist', list('1.0.0', { type: 'a' }))
  const network = await networkOf(node)
  await network.setup(pod, patience)
  await writeFile(join(node.cacheDir, 'results', 'podnet-abc-eth0'), 'half a rec')
  await network.teardown({ sandboxId: 'abc', netnsPath }, patience)
  const [, del] = await node.calls()
  assert.equal([del?.command, del?.containerId, del?.stdin['prevResult']], ['DEL', 'abc', undefined])
  assert.equal(await records(node), [])
})

test('a plugin that does not know the container has nothing to clean up', async () => {
  await using node = await FakeNode.create()
  await node.answering('a', answer)
  await node.plugin(
    'b',
    `[ $CNI_COMMAND = ADD ] && { echo '${JSON.stringify(answer)}'; exit 0; }; echo '{"code":3}'; exit 1`,
  )
  await node.conf('1.conflist', list('1.0.0', { type: 'a' }, { type: 'b' }))
  const network = await networkOf(node)
  await network.setup(pod, patience)
  await network.teardown({ sandboxId: 'abc', netnsPath }, patience)
  assert.equal((await node.order()).slice(2), ['b DEL', 'a DEL'])
})

test('a DEL that fails stops there, keeps the record and is tried again', async () => {
  await using node = await FakeNode.create()
  await node.answering('a', answer)
  await node.plugin(
    'b',
    `[ $CNI_COMMAND = ADD ] && { echo '${JSON.stringify(answer)}'; exit 0; }; [ -e "$ROOT/healed" ]`,
  )
  await node.conf('1.conflist', list('1.0.0', { type: 'a' }, { type: 'b' }))
  const network = await networkOf(node)
  await network.setup(pod, patience)
  const error = await failureOf(network.teardown({ sandboxId: 'abc', netnsPath }, patience))
  assert.is(error.message, 'cni DEL "b" (network "podnet"): exit status 1, no message')
  assert.equal((await node.order()).slice(2), ['b DEL'])
  await writeFile(join(node.root, 'healed'), '')
  await network.teardown({ sandboxId: 'abc', netnsPath }, patience)
  assert.equal((await node.order()).slice(3), ['b DEL', 'a DEL'])
})

test.run()
