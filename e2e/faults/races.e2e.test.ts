// SPDX-License-Identifier: Apache-2.0
import { type ServiceError, status } from '@grpc/grpc-js'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ContainerState } from '../../cri-proto/index.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { idleConfig, podConfig, scriptConfig } from '../harness/workloads.ts'

const daemon = await DaemonUnderTest.start({ network: 'none', pull: [IMAGES.busybox] })
const { workloads, place } = daemon
const { runtime } = daemon.client
const MANY = 50

test.after(() => daemon[Symbol.asyncDispose]())

const times = <T>(count: number, work: (index: number) => Promise<T>): Promise<PromiseSettledResult<T>[]> =>
  Promise.allSettled(Array.from({ length: count }, (_, index) => work(index)))

/** What each call came to: its answer, or the name of its code. */
function outcomes<T>(settled: readonly PromiseSettledResult<T>[]): (T | string)[] {
  return settled.map((one) => (one.status === 'fulfilled' ? one.value : codeOf(one.reason)))
}

function codeOf(error: unknown): string {
  return status[(error as ServiceError).code] ?? String(error)
}

async function pod(name: string) {
  const config = podConfig(place, workloads.name(name))
  return { config, id: await workloads.runPod(config) }
}

test('fifty callers that want the same pod get one, and its id', async () => {
  const config = podConfig(place, workloads.name('same'))
  const ids = outcomes(await times(MANY, () => workloads.runPod(config)))
  assert.is(new Set(ids).size, 1)
  assert.equal(
    (await runtime.listPodSandbox({})).items.map(({ id }) => id),
    [ids[0]],
  )
  await workloads.removePod(String(ids[0]))
})

test('fifty callers that want different pods of one name: one wins, the others are told', async () => {
  const name = workloads.name('different')
  const asked = outcomes(
    await times(MANY, (index) => workloads.runPod(podConfig(place, name, { labels: { caller: String(index) } }))),
  )
  const { items } = await runtime.listPodSandbox({})
  assert.is(items.length, 1)
  assert.equal([...new Set(asked)].sort(), [items[0]?.id, 'ALREADY_EXISTS'].sort())
  assert.is(items[0]?.labels['caller'], String(asked.indexOf(items[0]?.id ?? '')))
  await workloads.removePod(items[0]?.id ?? '')
})

test('fifty callers that want the same container get one, and its id', async () => {
  const { config, id: podSandboxId } = await pod('same')
  const container = idleConfig('main')
  const created = outcomes(
    await times(MANY, async () => {
      const { containerId } = await runtime.createContainer({ podSandboxId, config: container, sandboxConfig: config })
      return containerId
    }),
  )
  assert.is(new Set(created).size, 1)
  assert.is((await runtime.listContainers({})).containers.length, 1)
  // One start wins; the others learn that it runs.
  const started = outcomes(await times(MANY, () => runtime.startContainer({ containerId: String(created[0]) })))
  assert.equal(started.filter((answer) => typeof answer === 'object').length, 1)
  assert.ok(
    started.every((answer) => typeof answer === 'object' || answer === 'FAILED_PRECONDITION'),
    started.join(),
  )
  await workloads.removePod(podSandboxId)
})

test('fifty callers that want different containers of one name: one wins, the others are told', async () => {
  const { config, id: podSandboxId } = await pod('different')
  const created = outcomes(
    await times(MANY, async (index) => {
      const container = idleConfig('main', { labels: { caller: String(index) } })
      const { containerId } = await runtime.createContainer({ podSandboxId, config: container, sandboxConfig: config })
      return containerId
    }),
  )
  const { containers } = await runtime.listContainers({})
  assert.is(containers.length, 1)
  assert.equal([...new Set(created)].sort(), [containers[0]?.id, 'ALREADY_EXISTS'].sort())
  const winner = created.indexOf(String(containers[0]?.id))
  assert.is(containers[0]?.labels['caller'], String(winner))
  await workloads.removePod(podSandboxId)
})

test('a pod and its container may be stopped and removed by many at the same time', async () => {
  const { config, id } = await pod('ended')
  const containerId = await workloads.runContainer(id, idleConfig('main'), config)
  const calls = [
    ...outcomes(await times(10, () => runtime.stopContainer({ containerId, timeout: 1n }))),
    ...outcomes(await times(10, () => runtime.removeContainer({ containerId }))),
    ...outcomes(await times(10, () => runtime.stopPodSandbox({ podSandboxId: id }))),
    ...outcomes(await times(10, () => runtime.removePodSandbox({ podSandboxId: id }))),
  ]
  assert.ok(
    calls.every((answer) => typeof answer === 'object'),
    calls.join(),
  )
  assert.equal((await runtime.listPodSandbox({})).items, [])
  await daemon.expectNoTraces()
})

test('everything that ends a pod, all at once, succeeds and leaves nothing', async () => {
  for (let round = 0; round < 5; round++) {
    const { config, id } = await pod('ended')
    const containerId = await workloads.runContainer(id, idleConfig('main'), config)
    const calls = outcomes(
      await times(20, (index) => {
        if (index % 4 === 0) return runtime.stopContainer({ containerId, timeout: 1n })
        if (index % 4 === 1) return runtime.removeContainer({ containerId })
        if (index % 4 === 2) return runtime.stopPodSandbox({ podSandboxId: id })
        return runtime.removePodSandbox({ podSandboxId: id })
      }),
    )
    assert.ok(
      calls.every((answer) => typeof answer === 'object'),
      calls.join(),
    )
  }
  await daemon.expectNoTraces()
})

test('a container that is removed while it starts is gone, whichever was first', async () => {
  const { config, id: podSandboxId } = await pod('starting')
  for (let round = 0; round < 20; round++) {
    const container = idleConfig(`main-${round}`)
    const { containerId } = await runtime.createContainer({ podSandboxId, config: container, sandboxConfig: config })
    const [start, remove] = await Promise.allSettled([
      runtime.startContainer({ containerId }),
      runtime.removeContainer({ containerId }),
    ])
    assert.is(remove.status, 'fulfilled')
    if (start.status === 'rejected') assert.ok(['NOT_FOUND', 'FAILED_PRECONDITION'].includes(codeOf(start.reason)))
  }
  assert.equal((await runtime.listContainers({})).containers, [])
  await workloads.removePod(podSandboxId)
  await daemon.expectNoTraces()
})

test('what is created or started while its pod stops is ended or refused, never left to run', async () => {
  for (let round = 0; round < 10; round++) {
    const { config, id: podSandboxId } = await pod('stopping')
    const waiting = await runtime.createContainer({ podSandboxId, config: idleConfig('old'), sandboxConfig: config })
    const [stop, ...others] = await Promise.allSettled([
      runtime.stopPodSandbox({ podSandboxId }),
      runtime.startContainer({ containerId: waiting.containerId }),
      ...Array.from({ length: 5 }, (_, index) =>
        runtime.createContainer({ podSandboxId, config: idleConfig(`new-${index}`), sandboxConfig: config }),
      ),
    ])
    assert.is(stop.status, 'fulfilled')
    for (const other of others) {
      if (other.status === 'rejected') assert.is(codeOf(other.reason), 'FAILED_PRECONDITION', String(other.reason))
    }
    const { containers } = await runtime.listContainers({})
    assert.ok(containers.every(({ state }) => state !== ContainerState.CONTAINER_RUNNING))
    await runtime.removePodSandbox({ podSandboxId })
  }
  await daemon.expectNoTraces()
})

test('commands in a container that stops end with it, and each caller has an answer', async () => {
  const { config, id: podSandboxId } = await pod('busy')
  const script = 'trap "exit 0" TERM; while :; do sleep 0.1; done'
  const containerId = await workloads.runContainer(podSandboxId, scriptConfig('main', script), config)
  const commands = times(20, (index) =>
    runtime.execSync({ containerId, cmd: index % 2 === 0 ? ['/bin/true'] : ['/bin/sleep', '3600'], timeout: 0n }),
  )
  await runtime.stopContainer({ containerId, timeout: 10n })
  for (const one of await commands) {
    if (one.status === 'fulfilled') assert.ok([0, 137].includes(one.value.exitCode), String(one.value.exitCode))
    else assert.ok(['FAILED_PRECONDITION', 'NOT_FOUND', 'UNAVAILABLE'].includes(codeOf(one.reason)), String(one.reason))
  }
  assert.is((await workloads.status(containerId)).state, ContainerState.CONTAINER_EXITED)
  await workloads.removePod(podSandboxId)
})

test('after all of this nothing is left, and the daemon is well', async () => {
  const { config, id } = await pod('well')
  assert.is(await workloads.exec(await workloads.runContainer(id, idleConfig('main'), config), 'echo', 'ok'), 'ok\n')
  await workloads.removePod(id)
  await daemon.expectNoTraces()
  assert.not.match(await daemon.log(), /"level":(50|60)/)
})

test.run()
