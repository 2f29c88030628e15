// SPDX-License-Identifier: Apache-2.0
import { type ServiceError, status } from '@grpc/grpc-js'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ContainerEventType, ContainerState, createCriClient, PodSandboxState } from '../../cri-proto/index.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { idleConfig, podConfig, scriptConfig } from '../harness/workloads.ts'
import { EventLog } from './event-log.ts'

const { CONTAINER_STARTED_EVENT, CONTAINER_STOPPED_EVENT, CONTAINER_DELETED_EVENT } = ContainerEventType
const daemon = await DaemonUnderTest.start({ network: 'none', pull: [IMAGES.busybox] })
const { workloads, place, client } = daemon
const { runtime } = client
const WHOLE_LIFE = 'CREATED STARTED STOPPED DELETED'

test.after(() => daemon[Symbol.asyncDispose]())

/** For what the peer of Debian 12 does not serve, or tells only later. */
const own = daemon.isPeer ? test.skip : test

own('the life of a pod and its container is told in order, each event with the statuses of its moment', async () => {
  const log = new EventLog(client)
  const config = podConfig(place, workloads.name('life'))
  const pod = await workloads.runPod(config)
  const script = 'while [ ! -e /go ]; do sleep 0.05; done; exit 3'
  const container = await workloads.runContainer(pod, scriptConfig('main', script), config)
  const started = await log.last(container, CONTAINER_STARTED_EVENT)
  assert.is(started.podSandboxStatus?.id, pod)
  assert.is(started.podSandboxStatus?.state, PodSandboxState.SANDBOX_READY)
  assert.equal(
    started.containersStatuses.map(({ id, state }) => [id, state]),
    [[container, ContainerState.CONTAINER_RUNNING]],
  )
  await workloads.exec(container, '/bin/sh', '-c', ': > /go')
  const { containersStatuses } = await log.last(container, CONTAINER_STOPPED_EVENT)
  const [ended] = containersStatuses
  assert.is(ended?.state, ContainerState.CONTAINER_EXITED)
  assert.is(ended?.exitCode, 3)
  assert.ok((ended?.finishedAt ?? 0n) > 0n)
  await runtime.removeContainer({ containerId: container })
  await workloads.removePod(pod)
  const { createdAt, containersStatuses: none } = await log.last(pod, CONTAINER_DELETED_EVENT)
  assert.equal([log.of(container), log.of(pod)], [WHOLE_LIFE, WHOLE_LIFE])
  assert.equal(none, [])
  assert.ok(Math.abs(Number(createdAt / 1_000_000n) - Date.now()) < 60_000)
  await log.close()
})

own('a container that ends at once has started first, and one that never ran has not stopped', async () => {
  const log = new EventLog(client)
  const config = podConfig(place, workloads.name('short'))
  const podSandboxId = await workloads.runPod(config)
  const runs = Array.from({ length: 8 }, (_, index) =>
    workloads.runContainer(podSandboxId, scriptConfig(`quick-${index}`, 'exit 0'), config),
  )
  const quick = await Promise.all(runs)
  const idle = idleConfig('never')
  const { containerId: never } = await runtime.createContainer({ podSandboxId, config: idle, sandboxConfig: config })
  const bad = scriptConfig('bad', '', { command: ['/no/such/program'] })
  const { containerId: failed } = await runtime.createContainer({
    podSandboxId,
    config: bad,
    sandboxConfig: config,
  })
  await runtime.startContainer({ containerId: failed }).catch(() => undefined)
  await Promise.all(quick.map((id) => log.last(id, CONTAINER_STOPPED_EVENT)))
  await workloads.removePod(podSandboxId)
  await log.last(podSandboxId, CONTAINER_DELETED_EVENT)
  assert.equal(
    quick.map((id) => log.of(id)),
    Array(8).fill(WHOLE_LIFE),
  )
  assert.is(log.of(never), 'CREATED DELETED')
  assert.is(log.of(failed), 'CREATED STOPPED DELETED')
  await log.close()
})

own('a container that is killed for memory stops with that reason', async () => {
  const log = new EventLog(client)
  const config = podConfig(place, workloads.name('oom'))
  const pod = await workloads.runPod(config)
  const linux = { resources: { memoryLimitInBytes: 32n << 20n } }
  const script = 'x=a; while :; do x=$x$x; done'
  const container = await workloads.runContainer(pod, scriptConfig('main', script, { linux }), config)
  const { containersStatuses } = await log.last(container, CONTAINER_STOPPED_EVENT)
  assert.equal([containersStatuses[0]?.reason, containersStatuses[0]?.exitCode], ['OOMKilled', 137])
  await workloads.removePod(pod)
  await log.close()
})

own('several subscribers see the same events, and none is lost while many things happen at once', async () => {
  const clients = [1, 2, 3].map(() => createCriClient(`unix://${daemon.socket}`, { defaultTimeoutMs: 10_000 }))
  // An answer on the same connection shows that the subscription before it has arrived.
  const logs = clients.map((each) => new EventLog(each))
  await Promise.all(clients.map((each) => each.runtime.version({})))
  const pods = await Promise.all(
    Array.from({ length: 6 }, async (_, index) => {
      const config = podConfig(place, workloads.name(`crowd-${index}`))
      const pod = await workloads.runPod(config)
      const containers = await Promise.all(
        ['a', 'b', 'c'].map((name) => workloads.runContainer(pod, idleConfig(name), config)),
      )
      await workloads.removePod(pod)
      return { pod, containers }
    }),
  )
  for (const log of logs) {
    for (const { pod, containers } of pods) {
      await log.last(pod, CONTAINER_DELETED_EVENT)
      assert.is(log.of(pod), WHOLE_LIFE)
      assert.equal(
        containers.map((id) => log.of(id)),
        Array(3).fill(WHOLE_LIFE),
      )
    }
  }
  const told = logs.map(({ events }) => events.map((event) => `${event.containerId} ${event.containerEventType}`))
  assert.equal(told[1], told[0])
  assert.equal(told[2], told[0])
  await Promise.all(logs.map((log) => log.close()))
  for (const each of clients) each.close()
})

own('a subscriber that does not read is cut off and told, and the others do not notice', async () => {
  const slow = createCriClient(`unix://${daemon.socket}`, { defaultTimeoutMs: 10_000 })
  const unread = slow.runtime.getContainerEvents({})
  await slow.runtime.version({})
  const log = new EventLog(client)
  // Every event carries the pod's status, a megabyte of annotations with it: a dozen are more than may wait.
  const config = podConfig(place, workloads.name('large'), { annotations: { large: 'x'.repeat(1 << 20) } })
  const podSandboxId = await workloads.runPod(config)
  const ids: string[] = []
  for (let index = 0; index < 20; index++) {
    const { containerId } = await runtime.createContainer({
      podSandboxId,
      config: idleConfig(`c${index}`),
      sandboxConfig: config,
    })
    await runtime.removeContainer({ containerId })
    ids.push(containerId)
  }
  await log.last(ids.at(-1) ?? '', CONTAINER_DELETED_EVENT)
  assert.equal(
    ids.map((id) => log.of(id)),
    Array(20).fill('CREATED DELETED'),
  )
  const read: string[] = []
  const error = await (async () => {
    for await (const { containerId } of unread) read.push(containerId)
  })().catch((failure: ServiceError) => failure)
  assert.is(error?.code, status.RESOURCE_EXHAUSTED, String(error))
  assert.match(error?.details ?? '', /events of \d+ bytes waited/)
  // What came before the cut came in order and without a gap.
  assert.equal(
    read,
    log.events.slice(0, read.length).map(({ containerId }) => containerId),
  )
  assert.ok(read.length < log.events.length)
  await workloads.removePod(podSandboxId)
  await log.close()
  slow.close()
})

own('after a restart of the daemon the lives of its containers are told on', async () => {
  const config = podConfig(place, workloads.name('restart'))
  const pod = await workloads.runPod(config)
  const container = await workloads.runContainer(pod, idleConfig('main'), config)
  const before = new EventLog(client)
  await runtime.version({})
  await daemon.restart()
  await before.ended
  const { log, own } = await waitFor('the daemon answers', async () => {
    const fresh = createCriClient(`unix://${daemon.socket}`, { defaultTimeoutMs: 10_000 })
    await fresh.ready(1000)
    return { log: new EventLog(fresh), own: fresh }
  })
  await own.runtime.stopContainer({ containerId: container, timeout: 0n })
  await own.runtime.stopPodSandbox({ podSandboxId: pod })
  await own.runtime.removePodSandbox({ podSandboxId: pod })
  await log.last(pod, CONTAINER_DELETED_EVENT)
  assert.equal([log.of(container), log.of(pod)], ['STOPPED DELETED', 'STOPPED DELETED'])
  await log.close()
  own.close()
})

own('a daemon that is asked to stop ends its subscriptions in order', async () => {
  const log = new EventLog(client)
  await runtime.version({})
  await daemon.restart()
  // Had it waited for the subscriber until its patience was over, the stream would have been broken off.
  assert.is(await log.ended, undefined)
  await runtime.version({})
})

own('the status of a pod tells its containers too, and when', async () => {
  const config = podConfig(place, workloads.name('told'))
  const podSandboxId = await workloads.runPod(config)
  const container = await workloads.runContainer(podSandboxId, idleConfig('main'), config)
  const answer = await runtime.podSandboxStatus({ podSandboxId })
  assert.equal(
    answer.containersStatuses.map(({ id }) => id),
    [container],
  )
  assert.ok(answer.timestamp > 0n)
  await workloads.removePod(podSandboxId)
})

test.run()
