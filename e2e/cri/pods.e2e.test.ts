// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CgroupDriver, type PodSandboxFilter, PodSandboxState } from '../../cri-proto/index.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { idleConfig, networkedPodConfig, podConfig } from '../harness/workloads.ts'

const daemon = await DaemonUnderTest.start({ network: 'bridge', pull: [IMAGES.busybox] })
const { workloads, place } = daemon
const { runtime } = daemon.client

test.after(() => daemon[Symbol.asyncDispose]())

const { SANDBOX_READY, SANDBOX_NOTREADY } = PodSandboxState
const nowNs = () => BigInt(Date.now()) * 1_000_000n

async function statusOf(podSandboxId: string) {
  const { status } = await runtime.podSandboxStatus({ podSandboxId, verbose: false })
  if (status === undefined) throw new Error('no status')
  return status
}

async function idsBy(filter: Partial<PodSandboxFilter>): Promise<string[]> {
  const { items } = await runtime.listPodSandbox({
    filter: { id: '', state: undefined, labelSelector: {}, ...filter },
  })
  return items.map(({ id }) => id).sort()
}

test('the daemon introduces itself with all four versions', async () => {
  const answer = await runtime.version({ version: 'v1' })
  assert.is(answer.version, '0.1.0')
  assert.is(answer.runtimeApiVersion, 'v1')
  assert.ok(answer.runtimeName !== '')
  assert.match(answer.runtimeVersion, /^v?\d+\.\d+\.\d+/)
})

test('runtime and network are ready', async () => {
  const { status } = await runtime.status({ verbose: false })
  const ready = Object.fromEntries((status?.conditions ?? []).map(({ type, status: is }) => [type, is]))
  assert.is(ready['RuntimeReady'], true)
  assert.is(ready['NetworkReady'], true)
})

test('the daemon names the cgroup driver that it was given', async () => {
  if (daemon.isPeer) return
  assert.is((await runtime.runtimeConfig({})).linux?.cgroupDriver, CgroupDriver.CGROUPFS)
})

test('a pod comes back with the name, labels and annotations it was given', async () => {
  const before = nowNs()
  const config = networkedPodConfig(place, workloads.name('full'), {
    labels: { a: '1', 'b/c': '' },
    annotations: { x: 'ä\n"' },
  })
  const id = await workloads.runPod(config)
  assert.match(id, /^[0-9a-f]{64}$/)
  const status = await statusOf(id)
  assert.is(status.id, id)
  assert.is(status.state, SANDBOX_READY)
  assert.equal(status.metadata, config.metadata)
  assert.equal(status.labels, { a: '1', 'b/c': '' })
  assert.equal(status.annotations, { x: 'ä\n"' })
  assert.equal(status.linux?.namespaces?.options?.pid, config.linux?.securityContext?.namespaceOptions?.pid)
  // The daemon's clock may count milliseconds.
  assert.ok(status.createdAt >= before - 1_000_000n && status.createdAt <= nowNs(), `${status.createdAt}`)
  assert.match(status.network?.ip ?? '', new RegExp(`^${daemon.marks.addressPrefix.replaceAll('.', '\\.')}\\d+$`))
  const { items } = await runtime.listPodSandbox({})
  const listed = items.find((item) => item.id === id)
  assert.equal(
    [listed?.metadata, listed?.labels, listed?.annotations, listed?.state, listed?.createdAt],
    [status.metadata, status.labels, status.annotations, status.state, status.createdAt],
  )
  await workloads.removePod(id)
})

test('a stopped pod is not ready, keeps its record and loses its address', async () => {
  const id = await workloads.runPod(networkedPodConfig(place, workloads.name('stopped')))
  await runtime.stopPodSandbox({ podSandboxId: id })
  const status = await statusOf(id)
  assert.is(status.state, SANDBOX_NOTREADY)
  assert.is(status.network?.ip ?? '', '')
  await workloads.removePod(id)
})

test('a removed pod is gone from list and status', async () => {
  const id = await workloads.runPod(podConfig(place, workloads.name('removed')))
  await workloads.removePod(id)
  assert.equal(await idsBy({ id }), [])
  await expectFailure(runtime.podSandboxStatus({ podSandboxId: id, verbose: false }), 'NOT_FOUND', id)
})

test('a pod is stopped twice and removed twice without complaint', async () => {
  const id = await workloads.runPod(networkedPodConfig(place, workloads.name('twice')))
  await runtime.stopPodSandbox({ podSandboxId: id })
  await runtime.stopPodSandbox({ podSandboxId: id })
  await runtime.removePodSandbox({ podSandboxId: id })
  await runtime.removePodSandbox({ podSandboxId: id })
  await runtime.stopPodSandbox({ podSandboxId: id })
})

test('stopping and removing a pod that never was is a success', async () => {
  await runtime.stopPodSandbox({ podSandboxId: randomUUID() })
  await runtime.removePodSandbox({ podSandboxId: randomUUID() })
})

test('removing a pod that runs takes its containers with it', async () => {
  const config = podConfig(place, workloads.name('alive'))
  const id = await workloads.runPod(config)
  const container = await workloads.runContainer(id, idleConfig('main'), config)
  await runtime.removePodSandbox({ podSandboxId: id })
  await expectFailure(runtime.containerStatus({ containerId: container, verbose: false }), 'NOT_FOUND', container)
})

test('stopping a pod ends its containers, and their status says so', async () => {
  const config = podConfig(place, workloads.name('ends'))
  const id = await workloads.runPod(config)
  const container = await workloads.runContainer(id, idleConfig('main'), config)
  await runtime.stopPodSandbox({ podSandboxId: id })
  const { state, exitCode, finishedAt } = await workloads.status(container)
  assert.equal([state, exitCode], [2, 137])
  assert.ok(finishedAt > 0n)
  await workloads.removePod(id)
})

test('pods are filtered by id, state and labels, all together', async () => {
  const mark = randomUUID()
  const make = (name: string, tier: string) =>
    workloads.runPod(podConfig(place, workloads.name(name), { labels: { mark, tier } }))
  const [front, back, stopped] = [await make('f', 'front'), await make('b', 'back'), await make('s', 'front')]
  await runtime.stopPodSandbox({ podSandboxId: stopped })
  assert.equal(await idsBy({ labelSelector: { mark } }), [front, back, stopped].sort())
  assert.equal(await idsBy({ labelSelector: { mark, tier: 'front' } }), [front, stopped].sort())
  assert.equal(await idsBy({ labelSelector: { mark }, state: { state: SANDBOX_NOTREADY } }), [stopped])
  assert.equal(await idsBy({ id: front }), [front])
  assert.equal(await idsBy({ id: front, state: { state: SANDBOX_NOTREADY } }), [])
  assert.equal(await idsBy({ id: randomUUID() }), [])
  for (const id of [front, back, stopped]) await workloads.removePod(id)
})

test('the beginning of an id is enough', async () => {
  const id = await workloads.runPod(podConfig(place, workloads.name('prefix')))
  assert.is((await statusOf(id.slice(0, 13))).id, id)
  assert.equal(await idsBy({ id: id.slice(0, 13) }), [id])
  await runtime.stopPodSandbox({ podSandboxId: id.slice(0, 13) })
  assert.is((await statusOf(id)).state, SANDBOX_NOTREADY)
  await workloads.removePod(id)
})

if (!daemon.isPeer) {
  test('two identical requests at the same time make one pod', async () => {
    const config = networkedPodConfig(place, workloads.name('joined'))
    const ids = await Promise.all(Array.from({ length: 4 }, () => workloads.runPod(config)))
    assert.is(new Set(ids).size, 1)
    assert.is(await workloads.runPod(config), ids[0], 'a retry after the answer was lost')
    assert.equal((await idsBy({ labelSelector: config.labels })).length, 1)
    await workloads.removePod(ids[0] ?? '')
  })

  test('a caller that gave up and asks again gets the same pod', async () => {
    const config = networkedPodConfig(place, workloads.name('retried'))
    const impatient = runtime.runPodSandbox({ config }, { timeoutMs: 5 })
    await impatient.catch(() => undefined)
    const id = await workloads.runPod(config)
    assert.equal(await idsBy({ labelSelector: config.labels }), [id])
    await workloads.removePod(id)
  })
}

test('a pod of the same name and another configuration is refused, and the first one lives on', async () => {
  const name = workloads.name('taken')
  const id = await workloads.runPod(podConfig(place, name))
  const again = runtime.runPodSandbox({ config: podConfig(place, name, { labels: { other: 'x' } }) })
  await expectFailure(again, ['ALREADY_EXISTS', 'FAILED_PRECONDITION', 'UNKNOWN'], name)
  assert.is((await statusOf(id)).state, SANDBOX_READY)
  await workloads.removePod(id)
})

test('the next attempt of a pod, and the same name after its removal, are new pods', async () => {
  const name = workloads.name('again')
  const config = podConfig(place, name)
  const first = await workloads.runPod(config)
  const second = await workloads.runPod(
    podConfig(place, name, { metadata: { name, uid: `uid-${name}`, namespace: 'suite', attempt: 1 } }),
  )
  assert.is.not(first, second)
  await workloads.removePod(first)
  const third = await workloads.runPod(config)
  assert.is.not(first, third)
  for (const id of [second, third]) await workloads.removePod(id)
})

test('verbose status names the process that holds the pod', async () => {
  const id = await workloads.runPod(podConfig(place, workloads.name('verbose')))
  const { info } = await runtime.podSandboxStatus({ podSandboxId: id, verbose: true })
  const { pid } = JSON.parse(info['info'] ?? '{}') as { pid: number }
  assert.ok(pid > 1, String(pid))
  process.kill(pid, 0)
  assert.equal((await runtime.podSandboxStatus({ podSandboxId: id, verbose: false })).info, {})
  await workloads.removePod(id)
})

test('after the last pod the daemon ends in order, and nothing of any pod is left on the host', () =>
  daemon[Symbol.asyncDispose]())

test.run()
