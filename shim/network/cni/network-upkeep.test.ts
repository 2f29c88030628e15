// SPDX-License-Identifier: Apache-2.0
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { GantryError } from '../../../runtime-core/errors.ts'
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
import type { InvocationFact } from './operations.ts'

test('CHECK gets the result of ADD, in list order, unless the list disables it or is too old', async () => {
  await using node = await FakeNode.create()
  await node.answering('a', answer)
  await node.answering('b', answer)
  const commandsOf = async (conf: object) => {
    await node.conf('1.conflist', conf)
    const network = await networkOf(node)
    const before = (await node.order()).length
    await network.setup(pod, patience)
    await network.check({ sandboxId: 'abc', netnsPath }, patience)
    await network.teardown({ sandboxId: 'abc', netnsPath }, patience)
    return (await node.order()).slice(before).filter((call) => call.endsWith('CHECK'))
  }
  assert.equal(await commandsOf(list('1.0.0', { type: 'a' }, { type: 'b' })), ['a CHECK', 'b CHECK'])
  const check = (await node.calls()).find(({ command }) => command === 'CHECK')
  assert.equal([check?.stdin['prevResult'], check?.netns], [answer, netnsPath])
  assert.equal(await commandsOf({ ...list('1.0.0', { type: 'a' }), disableCheck: true }), [])
  assert.equal(await commandsOf(list('0.3.1', { type: 'a' })), [])
})

test('the check of a pod that is not attached says so', async () => {
  await using node = await FakeNode.create()
  const error = await failureOf((await networkOf(node)).check({ sandboxId: 'abc' }, patience))
  assert.is(error.message, 'check pod network "abc": not attached')
})

test('every execution of a plugin is told, with its duration and its failure', async () => {
  await using node = await FakeNode.create()
  await node.plugin('a', 'exit 1')
  await node.conf('1.conflist', list('1.0.0', { type: 'a' }))
  const facts: InvocationFact[] = []
  const network = await networkOf(node, { onInvocation: (fact) => facts.push(fact) })
  const error = await failureOf(network.setup(pod, patience))
  assert.equal(
    facts.map(({ command, plugin, sandboxId }) => [command, plugin, sandboxId]),
    [
      ['ADD', 'a', 'abc'],
      ['DEL', 'a', 'abc'],
    ],
  )
  assert.is(facts[0]?.error, (error as GantryError).cause)
  assert.ok((facts[0]?.durationMs ?? 0) > 0)
})

test('the node is ready only when every plugin of the network is installed', async () => {
  await using node = await FakeNode.create()
  await node.conf('1.conflist', list('1.0.0', { type: 'a' }))
  const network = await networkOf(node)
  const missing = await network.probe()
  assert.equal([missing.ready, missing.reason], [false, 'NetworkPluginNotReady'])
  assert.match(missing.message, 'network "podnet": find cni plugin "a": no executable of that name')
  await node.answering('a', answer)
  assert.is((await network.probe()).ready, true)
  assert.equal(await node.order(), [])
})

test("from 1.1.0 the plugins are asked for their status, and their reason is the node's", async () => {
  await using node = await FakeNode.create()
  await node.answering('a', answer)
  await node.plugin('b', `[ -e "$ROOT/up" ] && exit 0; echo '{"code":50,"msg":"agent is down"}'; exit 1`)
  await node.conf('1.conflist', list('1.1.0', { type: 'a' }, { type: 'b' }))
  const network = await networkOf(node)
  const { ready, message } = await network.probe()
  assert.equal(
    [ready, message],
    [false, 'network "podnet": cni STATUS "b" (network "podnet"): plugin error 50: agent is down'],
  )
  assert.equal(await node.order(), ['a STATUS', 'b STATUS'])
  assert.equal((await node.calls())[0]?.stdin, { type: 'a', name: 'podnet', cniVersion: '1.1.0' })
  await writeFile(join(node.root, 'up'), '')
  assert.is((await network.probe()).ready, true)
})

test('the status answers from memory and renews itself behind the answer', async () => {
  await using node = await FakeNode.create()
  await node.conf('1.conflist', list('1.0.0', { type: 'a' }))
  let now = 0
  const network = await networkOf(node, { now: () => now, statusMaxAgeMs: 5000 })
  assert.match(network.status().message, 'its plugins are being asked')
  await until('the verdict is in', () => network.status().message.includes('no executable'))
  await node.answering('a', answer)
  assert.is(network.status().ready, false)
  now = 5000
  assert.is(network.status().ready, false)
  await until('the verdict is renewed', () => network.status().ready)
  await rm(join(node.confDir, '1.conflist'))
  now = 10_000
  assert.is(network.status().ready, true)
  await until('the loss is noticed', () => !network.status().ready)
})

test('collecting detaches what is not valid and tells the plugins what is', async () => {
  await using node = await FakeNode.create()
  await node.answering('a', { ...answer, cniVersion: '1.1.0' })
  await node.conf('1.conflist', list('1.1.0', { type: 'a' }))
  const network = await networkOf(node)
  await network.setup({ ...pod, sandboxId: 'keep' }, patience)
  await network.setup({ ...pod, sandboxId: 'drop' }, patience)
  await network.gc(new Set(['keep']), patience)
  assert.equal(await node.order(), ['a ADD', 'a ADD', 'a DEL', 'a GC'])
  const [, , del, gc] = await node.calls()
  assert.is(del?.containerId, 'drop')
  const valid = [{ containerID: 'keep', ifname: 'eth0' }]
  assert.equal([gc?.stdin['cni.dev/valid-attachments'], gc?.stdin['cni.dev/attachments']], [valid, valid])
  assert.equal([gc?.containerId, gc?.netns], ['', ''])
  assert.equal(await records(node), ['podnet-keep-eth0'])
})

test('collecting asks every plugin, and all failures are told', async () => {
  await using node = await FakeNode.create()
  await node.plugin('a', 'echo "no a" >&2; exit 1')
  await node.plugin('b', 'echo "no b" >&2; exit 1')
  await node.conf('1.conflist', list('1.1.0', { type: 'a' }, { type: 'b' }))
  const error = await failureOf((await networkOf(node)).gc(new Set(), patience))
  assert.match(error.message, 'collect pod networks: cni GC "a" (network "podnet"): exit status 1: no a')
  assert.match(String(error instanceof GantryError && error.cleanup[0]), 'cni GC "b"')
})

test('collecting asks no plugin of lists that are older than 1.1.0 or disable it', async () => {
  await using node = await FakeNode.create()
  await node.answering('a', answer)
  await node.conf('1.conflist', list('1.0.0', { type: 'a' }))
  await node.conf('2.conflist', { ...list('1.1.0', { type: 'a' }), name: 'other', disableGC: true })
  await (await networkOf(node)).gc(new Set(), patience)
  assert.equal(await node.order(), [])
})

test.run()
