// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { answer, FakeNode, list, netnsPath, networkOf, patience, pod, records } from './fake-plugins.fixture.ts'

test("a pod is attached in list order, each plugin with its predecessor's result, and detached in reverse", async () => {
  await using node = await FakeNode.create()
  await node.answering('first', { ...answer, from: 'first' })
  await node.answering('second', { ...answer, from: 'second' })
  await node.conf('1.conflist', list('1.0.0', { type: 'first', bridge: 'b' }, { type: 'second' }))
  const network = await networkOf(node)
  const result = await network.setup(pod, patience)
  assert.equal([result.ip, result.additionalIps, result.network], ['10.9.0.2', [], 'podnet'])
  assert.is(result.raw['from'], 'second')
  assert.equal(result.interfaces, [{ name: 'eth0', mac: '', sandbox: '/ns' }])
  await network.teardown({ sandboxId: 'abc', netnsPath }, patience)
  assert.equal(await node.order(), ['first ADD', 'second ADD', 'second DEL', 'first DEL'])
  const common = { name: 'podnet', cniVersion: '1.0.0' }
  assert.equal(
    (await node.calls()).map((call) => call.stdin),
    [
      { type: 'first', bridge: 'b', ...common },
      { type: 'second', ...common, prevResult: { ...answer, from: 'first' } },
      { type: 'second', ...common, prevResult: { ...answer, from: 'second' } },
      { type: 'first', bridge: 'b', ...common, prevResult: { ...answer, from: 'second' } },
    ],
  )
  for (const call of await node.calls()) {
    assert.equal([call.containerId, call.netns, call.ifName], ['abc', netnsPath, 'eth0'])
    assert.match(
      call.args,
      'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=abc;K8S_POD_UID=u1',
    )
  }
  assert.equal(await records(node), [])
})

test('a plugin gets the capabilities it declares as runtimeConfig, at ADD and at DEL', async () => {
  await using node = await FakeNode.create()
  await node.answering('map', answer)
  await node.conf(
    '1.conflist',
    list('1.0.0', { type: 'map', capabilities: { portMappings: true, ipRanges: true, mac: true } }),
  )
  const network = await networkOf(node)
  network.setPodCidrs(['10.9.0.0/24'])
  await network.setup({ ...pod, portMappings: [{ protocol: 'tcp', containerPort: 80, hostPort: 8080 }] }, patience)
  await (await networkOf(node)).teardown({ sandboxId: 'abc', netnsPath }, patience)
  const runtimeConfig = {
    portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }],
    ipRanges: [[{ subnet: '10.9.0.0/24' }]],
  }
  assert.equal(
    (await node.calls()).map(({ stdin }) => stdin['runtimeConfig']),
    [runtimeConfig, runtimeConfig],
  )
  assert.equal(
    (await node.calls()).map(({ stdin }) => stdin['capabilities']),
    [undefined, undefined],
  )
})

test('a pod is detached with the configuration it was attached with', async () => {
  await using node = await FakeNode.create()
  await node.answering('old', answer)
  await node.conf('1.conflist', list('1.0.0', { type: 'old', key: 1 }))
  await (await networkOf(node)).setup(pod, patience)
  await node.conf('1.conflist', list('1.0.0', { type: 'new' }))
  await (await networkOf(node)).teardown({ sandboxId: 'abc', netnsPath }, patience)
  assert.equal(await node.order(), ['old ADD', 'old DEL'])
  assert.is((await node.calls())[1]?.stdin['key'], 1)
})

test('detaching is repeatable, and a pod nobody attached is a success without a plugin run', async () => {
  await using node = await FakeNode.create()
  await node.answering('a', answer)
  await node.conf('1.conflist', list('1.0.0', { type: 'a' }))
  const network = await networkOf(node)
  await network.teardown({ sandboxId: 'abc', netnsPath }, patience)
  await network.setup(pod, patience)
  await network.teardown({ sandboxId: 'abc', netnsPath }, patience)
  await network.teardown({ sandboxId: 'abc', netnsPath }, patience)
  assert.equal(await node.order(), ['a ADD', 'a DEL'])
})

test('plugins are told an empty namespace when its path is gone or leads to another one', async () => {
  await using node = await FakeNode.create()
  await node.answering('a', answer)
  await node.conf('1.conflist', list('1.0.0', { type: 'a' }))
  const network = await networkOf(node)
  for (const path of ['/proc/4194305/fd/3', '/proc/self/ns/mnt', '/dev/null']) {
    await network.setup(pod, patience)
    await network.teardown({ sandboxId: 'abc', netnsPath: path }, patience)
  }
  const dels = (await node.calls()).filter(({ command }) => command === 'DEL')
  assert.equal(
    dels.map(({ netns }) => netns),
    ['', '', ''],
  )
})

test('without a path the recorded one is used while it leads to the same namespace', async () => {
  await using node = await FakeNode.create()
  await node.answering('a', answer)
  await node.conf('1.conflist', list('1.0.0', { type: 'a' }))
  const network = await networkOf(node)
  await network.setup(pod, patience)
  await network.teardown({ sandboxId: 'abc' }, patience)
  assert.is((await node.calls())[1]?.netns, netnsPath)
})

test('before 0.4.0 no previous result is given at DEL', async () => {
  await using node = await FakeNode.create()
  await node.answering('a', { ...answer, cniVersion: '0.3.1' })
  await node.conf('1.conflist', list('0.3.1', { type: 'a' }))
  const network = await networkOf(node)
  await network.setup(pod, patience)
  await network.teardown({ sandboxId: 'abc', netnsPath }, patience)
  assert.not.ok('prevResult' in ((await node.calls())[1]?.stdin ?? {}))
})

test('setups of different pods run at once', async () => {
  await using node = await FakeNode.create()
  // each waits until the other has begun: one after the other they would never end
  const body = `touch "$ROOT/$CNI_CONTAINERID"; while ! [ -e "$ROOT/p1" ] || ! [ -e "$ROOT/p2" ]; do sleep 0.01; done; echo '${JSON.stringify(answer)}'`
  await node.plugin('a', body)
  await node.conf('1.conflist', list('1.0.0', { type: 'a' }))
  const network = await networkOf(node)
  await Promise.all(['p1', 'p2'].map((sandboxId) => network.setup({ ...pod, sandboxId }, patience)))
})

test.run()
