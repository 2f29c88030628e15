// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LinuxContainerResources, type PodSandboxStats } from '../../cri-proto/index.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { idleConfig, networkedPodConfig, podConfig, scriptConfig } from '../harness/workloads.ts'

const daemon = await DaemonUnderTest.start({ network: 'bridge', pull: [IMAGES.busybox] })
const { workloads, place } = daemon
const { runtime } = daemon.client
const MIB = 1024 * 1024
const FRESH_MS = 500

test.after(() => daemon[Symbol.asyncDispose]())

/** For what the peer of Debian 12 does not serve, or tells only later. */
const own = daemon.isPeer ? test.skip : test

async function statsOf(podSandboxId: string): Promise<PodSandboxStats> {
  const { stats } = await runtime.podSandboxStats({ podSandboxId })
  if (stats === undefined) throw new Error(`no stats of ${podSandboxId}`)
  return stats
}

const received = ({ linux }: PodSandboxStats) => Number(linux?.network?.defaultInterface?.rxBytes?.value ?? -1n)

/** Sends bytes to a port of a pod, and waits until it has taken them all. */
async function sendTo(host: string, port: number, bytes: number): Promise<void> {
  const socket = await waitFor('the pod listens', async () => {
    const attempt = connect({ host, port })
    await once(attempt, 'connect')
    return attempt
  })
  socket.end(Buffer.alloc(bytes, 'x'))
  await once(socket.resume(), 'close')
}

own('a pod has received what was sent to it, and has still when nothing runs in it', async () => {
  const config = networkedPodConfig(place, workloads.name('receiver'))
  const pod = await workloads.runPod(config)
  const sink = await workloads.runContainer(pod, scriptConfig('sink', 'nc -l -p 9000 >/dev/null; sleep 3600'), config)
  const { status } = await runtime.podSandboxStatus({ podSandboxId: pod })
  const before = received(await statsOf(pod))
  assert.ok(before >= 0, `no traffic is told: ${before}`)
  await sendTo(status?.network?.ip ?? '', 9000, 4 * MIB)
  await delay(FRESH_MS)
  const after = await statsOf(pod)
  const gained = received(after) - before
  assert.ok(gained >= 4 * MIB && gained < 4.5 * MIB, `${gained} bytes for ${4 * MIB}`)
  const { linux } = after
  assert.is(linux?.network?.defaultInterface?.name, 'eth0')
  assert.ok((linux?.network?.defaultInterface?.txBytes?.value ?? 0n) > 0n)
  assert.equal(linux?.network?.interfaces, [])
  assert.ok((linux?.network?.timestamp ?? 0n) > 0n)
  await runtime.stopContainer({ containerId: sink, timeout: 0n })
  await delay(FRESH_MS)
  assert.ok(received(await statsOf(pod)) - before >= 4 * MIB)
  await workloads.removePod(pod)
})

test('a pod counts all of its containers, and tells each', async () => {
  const config = podConfig(place, workloads.name('counted'))
  const pod = await workloads.runPod(config)
  const script = 'for i in 1 2 3; do sleep 3600 & done; wait'
  const [one, many] = [
    await workloads.runContainer(pod, idleConfig('one'), config),
    await workloads.runContainer(pod, scriptConfig('many', script), config),
  ]
  const { linux, attributes } = await waitFor('five processes', async () => {
    const stats = await statsOf(pod)
    return stats.linux?.process?.processCount?.value === 5n && stats
  })
  assert.is(attributes?.metadata?.name, config.metadata?.name)
  assert.equal(linux?.containers.map((each) => each.attributes?.id).sort(), [one, many].sort())
  const sum = (value: (stats: NonNullable<typeof linux>['containers'][number]) => bigint | undefined) =>
    (linux?.containers ?? []).reduce((total, stats) => total + (value(stats) ?? 0n), 0n)
  // A sample may be given for half a second, so that of the pod may be older than that of a container.
  const used = (linux?.cpu?.usageCoreNanoSeconds?.value ?? 0n) - sum(({ cpu }) => cpu?.usageCoreNanoSeconds?.value)
  assert.ok(used > -500_000_000n && used < 1_000_000_000n, `the pod used ${used} ns more than its containers`)
  const [whole, parts] = [linux?.memory?.usageBytes?.value ?? 0n, sum(({ memory }) => memory?.usageBytes?.value)]
  assert.ok(whole > 0n && whole + (1n << 20n) >= parts, `pod ${whole}, containers ${parts}`)
  await workloads.removePod(pod)
})

own('a pod without a cgroup of its own has the sum of its containers', async () => {
  const config = podConfig(place, workloads.name('summed'), {
    linux: { ...podConfig(place, 'any').linux, cgroupParent: `${place.cgroupParent}/shared` },
  })
  const twin = { ...config, metadata: { name: 'twin', uid: 'uid-twin', namespace: 'suite', attempt: 0 } }
  const [pod, other] = [await workloads.runPod(config), await workloads.runPod(twin)]
  await workloads.runContainer(pod, idleConfig('one'), config)
  await workloads.runContainer(other, scriptConfig('burn', 'while :; do :; done'), twin)
  await delay(2 * FRESH_MS)
  const { linux } = await statsOf(pod)
  assert.is(linux?.cpu?.usageCoreNanoSeconds?.value, linux?.containers[0]?.cpu?.usageCoreNanoSeconds?.value)
  assert.is(linux?.memory?.workingSetBytes?.value, linux?.containers[0]?.memory?.workingSetBytes?.value)
  await Promise.all([pod, other].map((id) => workloads.removePod(id)))
})

test('a pod on the host network tells no traffic, for it would be the machine’s', async () => {
  const config = podConfig(place, workloads.name('hosted'))
  const pod = await workloads.runPod(config)
  await workloads.runContainer(pod, idleConfig('main'), config)
  if (!daemon.isPeer) assert.is((await statsOf(pod)).linux?.network, undefined)
  await workloads.removePod(pod)
})

own('a stopped pod has no stats, an unknown one is not found, and lists go without them', async () => {
  const config = podConfig(place, workloads.name('stopped'), { labels: { app: 'stopped' } })
  const pod = await workloads.runPod(config)
  const byLabel = { filter: { id: '', labelSelector: { app: 'stopped' } } }
  const ids = async () => (await runtime.listPodSandboxStats(byLabel)).stats.map(({ attributes }) => attributes?.id)
  assert.equal(await ids(), [pod])
  await runtime.stopPodSandbox({ podSandboxId: pod })
  await expectFailure(runtime.podSandboxStats({ podSandboxId: pod }), 'UNAVAILABLE', pod, 'notready')
  await expectFailure(runtime.podSandboxStats({ podSandboxId: 'f'.repeat(64) }), 'NOT_FOUND')
  assert.equal(await ids(), [])
  await workloads.removePod(pod)
})

own('streamed lists have each pod and container once', async () => {
  const config = podConfig(place, workloads.name('streamed'))
  const pods = await Promise.all(
    [1, 2, 3].map((attempt) =>
      workloads.runPod({ ...config, metadata: { name: 'many', uid: 'uid-many', namespace: 'suite', attempt } }),
    ),
  )
  const container = await workloads.runContainer(pods[0] ?? '', idleConfig('main'), config)
  const seen: (string | undefined)[] = []
  for await (const { podSandboxStats } of runtime.streamPodSandboxStats({})) {
    seen.push(...podSandboxStats.map(({ attributes }) => attributes?.id))
  }
  assert.equal(seen.sort(), [...pods].sort())
  const sandboxes: string[] = []
  for await (const message of runtime.streamPodSandboxes({}))
    sandboxes.push(...message.podSandboxes.map(({ id }) => id))
  assert.equal(sandboxes.sort(), [...pods].sort())
  const containers: string[] = []
  for await (const message of runtime.streamContainers({})) containers.push(...message.containers.map(({ id }) => id))
  assert.equal(containers, [container])
  const images: string[] = []
  for await (const message of daemon.client.image.streamImages({})) images.push(...message.images.map(({ id }) => id))
  assert.equal(
    images,
    (await daemon.client.image.listImages({})).images.map(({ id }) => id),
  )
  await Promise.all(pods.map((id) => workloads.removePod(id)))
})

own('what the kubelet says a pod may use is told in its verbose status, also after a restart', async () => {
  const config = podConfig(place, workloads.name('resized'))
  const podSandboxId = await workloads.runPod(config)
  const resources = LinuxContainerResources.create({ cpuShares: 512n, memoryLimitInBytes: 2n ** 40n })
  await runtime.updatePodSandboxResources({ podSandboxId, resources })
  const told = async () => {
    const { info } = await runtime.podSandboxStatus({ podSandboxId, verbose: true })
    return JSON.parse(info['info'] ?? '{}').resources
  }
  assert.equal([(await told()).cpuShares, (await told()).memoryLimitInBytes], [512, 2 ** 40])
  await daemon.restart()
  assert.equal([(await told()).cpuShares, (await told()).memoryLimitInBytes], [512, 2 ** 40])
  await expectFailure(runtime.updatePodSandboxResources({ podSandboxId: 'f'.repeat(64), resources }), 'NOT_FOUND')
  await workloads.removePod(podSandboxId)
})

own('pod subnets are taken, and what is none is refused', async () => {
  const update = (podCidr: string) => runtime.updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr } } })
  await update('')
  await update('10.77.0.0/24,fd77::/64')
  await expectFailure(update('10.77.0.0/33'), 'INVALID_ARGUMENT', '10.77.0.0/33')
})

test.run()
