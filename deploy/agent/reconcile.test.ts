// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { endpointState } from '../node/kubelet.ts'
import { currentVersion, installedVersions } from '../node/releases.ts'
import { FakeCluster } from '../testing/fake-cluster.ts'
import { FakeNode } from '../testing/fake-node.ts'
import { type AgentWorld, type Progress, reconcile } from './reconcile.ts'
import type { Settings } from './settings.ts'

const SETTINGS: Settings = {
  mode: 'beside',
  daemon: { 'upstream-endpoint': 'unix:///run/containerd/containerd.sock' },
  kubelet: { service: 'kubelet.service', revertAfterSeconds: 30 },
  healthTimeoutSeconds: 1,
  leaseSeconds: 60,
  runtimeClass: 'gantry',
}

interface Trial extends AsyncDisposable {
  readonly node: FakeNode
  readonly cluster: FakeCluster
  /** A look by an agent that has just been started with a release; none keeps anything in memory. */
  look(version: string, change?: Partial<Settings>): Promise<Progress>
}

async function begin(): Promise<Trial> {
  const node = await FakeNode.create()
  const cluster = new FakeCluster()
  let now = Date.now()
  return {
    node,
    cluster,
    look: async (version, change = {}) => {
      const world: AgentWorld = {
        host: node,
        cluster,
        settings: { ...SETTINGS, ...change },
        release: node.path(`/image-${version}`),
        revision: 3,
        pause: async () => {
          now += 2000
        },
        nowMs: () => now,
      }
      return reconcile(world)
    },
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  }
}

test('a node gets the release, then the endpoint, and only then the label true', async () => {
  await using trial = await begin()
  const { node, cluster } = trial
  await node.makeRelease('1.0.0')
  const labels: (string | undefined)[] = []
  cluster.ready = () => {
    labels.push(cluster.label)
    return true
  }
  const { settled, condition } = await trial.look('1.0.0')
  assert.ok(settled)
  assert.equal(condition, { status: 'True', reason: 'Running', message: 'release 1.0.0 runs' })
  assert.not.ok(labels.includes('true'), 'before it is settled the label is never true')
  assert.is(cluster.label, 'true')
  assert.is(await endpointState(node, 'kubelet.service'), 'ours')
  assert.is(node.timer, undefined, 'the dead-man timer is cancelled')
  assert.is(cluster.hasTurn, false)
  assert.equal(
    cluster.events.map((text) => text.split(':')[0]),
    ['Normal GantryActivated', 'Normal GantryEndpointKept'],
  )
})

test('a settled node is not touched again', async () => {
  await using trial = await begin()
  await trial.node.makeRelease('1.0.0')
  await trial.look('1.0.0')
  const before = trial.node.commands.length
  assert.ok((await trial.look('1.0.0')).settled)
  assert.equal(trial.node.commands.slice(before), [])
  assert.is(trial.cluster.events.length, 2)
})

test('nodes are changed one at a time', async () => {
  await using trial = await begin()
  await trial.node.makeRelease('1.0.0')
  trial.cluster.busy = true
  const { settled, condition } = await trial.look('1.0.0')
  assert.not.ok(settled)
  assert.is(condition.reason, 'WaitingForTurn')
  assert.is(await currentVersion(trial.node), undefined)
  assert.is(trial.cluster.label, 'false')
  trial.cluster.busy = false
  assert.ok((await trial.look('1.0.0')).settled)
})

test('a bad release is taken back with an Event, once; the node stays as it was, and is not called ready', async () => {
  await using trial = await begin()
  const { node, cluster } = trial
  await node.makeRelease('1.0.0')
  await node.makeRelease('1.1.0', 'broken')
  await trial.look('1.0.0')
  const restarts = node.kubeletRestarts
  for (let times = 0; times < 2; times++) {
    const { settled, condition } = await trial.look('1.1.0')
    assert.not.ok(settled)
    assert.is(condition.reason, 'TakenBack')
  }
  assert.is(await currentVersion(node), '1.0.0')
  assert.is(cluster.label, 'true', 'pods of the class still run here')
  assert.is(node.kubeletRestarts, restarts)
  const told = cluster.events.filter((text) => text.startsWith('Warning'))
  assert.equal(told, [
    'Warning GantryTakenBack: release 1.1.0 was taken back: Broken: as the test wants it; 1.0.0 runs again',
  ])
  await node.makeRelease('1.1.1')
  assert.ok((await trial.look('1.1.1')).settled)
  assert.equal(await installedVersions(node), ['1.0.0', '1.1.1'])
})

test('a node that is not Ready with the endpoint gets the old one back, and is not tried again', async () => {
  await using trial = await begin()
  const { node, cluster } = trial
  await node.makeRelease('1.0.0')
  cluster.ready = () => false
  for (let times = 0; times < 2; times++) assert.is((await trial.look('1.0.0')).condition.reason, 'EndpointReverted')
  assert.is(await endpointState(node, 'kubelet.service'), 'theirs')
  assert.is(node.kubeletRestarts, 2)
  assert.is(cluster.label, 'false')
  assert.is(cluster.events.filter((text) => text.startsWith('Warning GantryEndpointReverted')).length, 1)
})

test('an agent that dies while it makes the endpoint last is replaced by one that goes on', async () => {
  await using trial = await begin()
  const { node, cluster } = trial
  await node.makeRelease('1.0.0')
  cluster.ready = () => {
    if (node.kubeletRestarts === 1) node.failing.add('systemctl show')
    return true
  }
  const end = await trial.look('1.0.0').then(
    () => 'settled',
    () => 'died',
  )
  assert.is(end, 'died')
  assert.is(await endpointState(node, 'kubelet.service'), 'trial')
  cluster.ready = () => true
  node.failing.clear()
  assert.ok((await trial.look('1.0.0')).settled)
  assert.is(await endpointState(node, 'kubelet.service'), 'ours')
  assert.is(node.timer, undefined)
  assert.is(node.kubeletRestarts, 1)
})

test('where the node itself took the endpoint back while no agent was there, that is respected', async () => {
  await using trial = await begin()
  const { node } = trial
  await node.makeRelease('1.0.0')
  node.failing.add('systemctl --no-block restart kubelet.service')
  await trial.look('1.0.0').then(
    () => assert.unreachable(),
    () => undefined,
  )
  node.failing.clear()
  await node.fireTimer()
  assert.is((await trial.look('1.0.0')).condition.reason, 'EndpointReverted')
  assert.is(await endpointState(node, 'kubelet.service'), 'theirs')
})

test('in mode primary a node is switched when nothing is on it that would be lost from sight', async () => {
  await using trial = await begin()
  const { node, cluster } = trial
  await node.makeRelease('1.0.0')
  const pod = { namespace: 'default', name: 'a', runtimeClass: undefined, staysHere: false }
  cluster.pods = [pod, { ...pod, name: 'agent', staysHere: true }]
  assert.is((await trial.look('1.0.0', { mode: 'primary' })).condition.reason, 'NotDrained')
  assert.is(node.kubeletRestarts, 0)
  await cluster.evict(pod)
  assert.ok((await trial.look('1.0.0', { mode: 'primary' })).settled)
  assert.is(node.kubeletRestarts, 1)
})

test('in mode install the kubelet is left alone', async () => {
  await using trial = await begin()
  await trial.node.makeRelease('1.0.0')
  assert.ok((await trial.look('1.0.0', { mode: 'install' })).settled)
  assert.is(trial.node.kubeletRestarts, 0)
})

test('a removal evicts the pods of the class, gives the endpoint back and leaves nothing; the label goes last', async () => {
  await using trial = await begin()
  const { node, cluster } = trial
  const before = await node.files()
  await node.makeRelease('1.0.0')
  await trial.look('1.0.0')
  const pod = { namespace: 'default', name: 'ours', runtimeClass: 'gantry', staysHere: false }
  cluster.pods = [pod, { ...pod, name: 'theirs', runtimeClass: undefined }]
  cluster.removal = 3
  assert.is((await trial.look('1.0.0')).condition.reason, 'Evicting')
  assert.is(cluster.label, 'false')
  assert.is(await endpointState(node, 'kubelet.service'), 'ours', 'not below running pods')
  assert.equal(
    cluster.pods.map(({ name }) => name),
    ['theirs'],
  )
  const { settled, condition } = await trial.look('1.0.0')
  assert.ok(settled)
  assert.is(condition.reason, 'Removed')
  assert.is(cluster.label, undefined)
  assert.equal(await node.files(), before)
  assert.ok((await trial.look('1.0.0')).settled, 'and it is not installed again')
  assert.equal(await node.files(), before)
})

test('a removal that is older than the release is not heard', async () => {
  await using trial = await begin()
  await trial.node.makeRelease('1.0.0')
  trial.cluster.removal = 2
  assert.is((await trial.look('1.0.0')).condition.reason, 'Running')
})

test.run()
