// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ContainerStats, ContainerStatsFilter } from '../../cri-proto/index.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { idleConfig, podConfig, scriptConfig } from '../harness/workloads.ts'

const daemon = await DaemonUnderTest.start({ network: 'none', pull: [IMAGES.busybox] })
const { workloads, place } = daemon
const { runtime, image } = daemon.client
const pod = podConfig(place, 'stats')
const podSandboxId = await workloads.runPod(pod)
const MIB = 1024n * 1024n
/** So long a sample is given again. */
const FRESH_MS = 500

test.after(() => daemon[Symbol.asyncDispose]())

/** For what the peer of Debian 12 does not serve, or tells only later. */
const own = daemon.isPeer ? test.skip : test

async function statsOf(containerId: string): Promise<ContainerStats> {
  const { stats } = await runtime.containerStats({ containerId })
  if (stats === undefined) throw new Error(`no stats of ${containerId}`)
  return stats
}

async function listed(filter?: Partial<ContainerStatsFilter>): Promise<string[]> {
  const complete = filter && { filter: { id: '', podSandboxId: '', labelSelector: {}, ...filter } }
  const { stats } = await runtime.listContainerStats(complete ?? {})
  return stats.map(({ attributes }) => attributes?.id ?? '').sort()
}

const usage = ({ cpu }: ContainerStats) => cpu?.usageCoreNanoSeconds?.value ?? 0n

test('a container that burns a fifth of a processor is seen to', async () => {
  const resources = { cpuQuota: 20_000n, cpuPeriod: 100_000n }
  const config = scriptConfig(workloads.name('burn'), 'while :; do :; done', { linux: { resources } })
  const id = await workloads.runContainer(podSandboxId, config, pod)
  const first = await statsOf(id)
  await delay(2 * FRESH_MS)
  const second = await statsOf(id)
  const elapsed = (second.cpu?.timestamp ?? 0n) - (first.cpu?.timestamp ?? 0n)
  assert.ok(elapsed >= 900_000_000n, `${elapsed} ns between two samples`)
  const share = Number(usage(second) - usage(first)) / Number(elapsed)
  // A machine with much else to do gives it less than it may have.
  assert.ok(share > 0.02 && share < 0.3, `used ${share} of a processor`)
  const nanoCores = Number(second.cpu?.usageNanoCores?.value ?? 0n)
  assert.ok(nanoCores > 0.02e9 && nanoCores < 0.3e9, `nano cores ${nanoCores}`)
})

test('an idle container uses next to no processor, and says so with a time of now', async () => {
  const id = await workloads.runContainer(podSandboxId, idleConfig(workloads.name('idle')), pod)
  await delay(2 * FRESH_MS)
  const { cpu, memory, attributes } = await statsOf(id)
  assert.ok((cpu?.usageNanoCores?.value ?? 10n ** 9n) < 50_000_000n, `nano cores ${cpu?.usageNanoCores?.value}`)
  for (const timestamp of [cpu?.timestamp, memory?.timestamp]) {
    const age = Date.now() - Number((timestamp ?? 0n) / 1_000_000n)
    assert.ok(age >= 0 && age < 10_000, `sample of ${age} ms ago`)
  }
  assert.equal([attributes?.id, attributes?.metadata?.name?.startsWith('idle')], [id, true])
  assert.is(attributes?.annotations['suite/annotation'], attributes?.metadata?.name)
})

test('memory that a container holds is its working set, and what is left of its limit is available', async () => {
  const doublings = '. '.repeat(25)
  const hold = `x=a; for i in ${doublings}; do x=$x$x; done; while :; do sleep 3600; done`
  const linux = { resources: { memoryLimitInBytes: 256n * MIB } }
  const id = await workloads.runContainer(podSandboxId, scriptConfig(workloads.name('hold'), hold, { linux }), pod)
  const memory = await waitFor('32 MiB are held', async () => {
    const { memory: now } = await statsOf(id)
    return (now?.rssBytes?.value ?? 0n) >= 32n * MIB && now
  })
  const workingSet = memory.workingSetBytes?.value ?? 0n
  assert.ok(workingSet >= 32n * MIB && workingSet < 256n * MIB, `working set ${workingSet}`)
  assert.is(memory.availableBytes?.value, 256n * MIB - workingSet)
  assert.ok((memory.usageBytes?.value ?? 0n) >= workingSet)
  // How many depends on how large the pages are that the kernel gives.
  assert.ok((memory.pageFaults?.value ?? 0n) > 0n, `page faults ${memory.pageFaults?.value}`)
})

own('what a container has written is in its writable layer, on the file system of ImageFsInfo', async () => {
  const script = 'mkdir /new && head -c 2097152 /dev/urandom > /new/file && echo done && sleep 3600'
  const name = workloads.name('write')
  const id = await workloads.runContainer(podSandboxId, scriptConfig(name, script), pod)
  await waitFor('the file is written', async () => {
    return (await workloads.exec(id, 'sh', '-c', 'cat /new/file | wc -c')).trim() === '2097152'
  })
  const { writableLayer } = await statsOf(id)
  const used = writableLayer?.usedBytes?.value ?? 0n
  assert.ok(used >= 2n * MIB && used < 3n * MIB, `used ${used}`)
  assert.ok((writableLayer?.inodesUsed?.value ?? 0n) >= 3n, `inodes ${writableLayer?.inodesUsed?.value}`)
  assert.ok((writableLayer?.timestamp ?? 0n) > 0n)
  const { containerFilesystems } = await image.imageFsInfo({})
  assert.equal(writableLayer?.fsId, containerFilesystems[0]?.fsId)
})

own('a container that does not run has no stats, and a list goes without it', async () => {
  const config = idleConfig(workloads.name('created'))
  const { containerId: created } = await runtime.createContainer({ podSandboxId, config, sandboxConfig: pod })
  const ended = await workloads.runContainer(podSandboxId, scriptConfig(workloads.name('ended'), 'exit 0'), pod)
  await workloads.waitForExit(ended)
  await expectFailure(runtime.containerStats({ containerId: created }), ['FAILED_PRECONDITION', 'NOT_FOUND'], created)
  await expectFailure(runtime.containerStats({ containerId: ended }), ['FAILED_PRECONDITION', 'NOT_FOUND'], ended)
  await expectFailure(runtime.containerStats({ containerId: 'f'.repeat(64) }), 'NOT_FOUND', 'f'.repeat(64))
  const ids = await listed()
  assert.not(ids.includes(created))
  assert.not(ids.includes(ended))
})

test('a list has the containers that the filter selects', async () => {
  const other = podConfig(place, 'stats-other')
  const otherPod = await workloads.runPod(other)
  const run = (name: string, labels: Record<string, string>) =>
    workloads.runContainer(otherPod, idleConfig(name, { labels }), other)
  const [a, b] = [await run('a', { app: 'x', tier: '1' }), await run('b', { app: 'x', tier: '2' })]
  assert.equal(await listed({ podSandboxId: otherPod }), [a, b].sort())
  assert.equal(await listed({ id: a.slice(0, 20) }), [a])
  assert.equal(await listed({ labelSelector: { app: 'x', tier: '2' } }), [b])
  assert.equal(await listed({ podSandboxId: otherPod, labelSelector: { app: 'y' } }), [])
  assert.equal(await listed({ id: a, podSandboxId }), [])
  assert.ok((await listed()).length > 2)
  await workloads.removePod(otherPod)
})

own('a streamed list has each running container once, and an empty one no message', async () => {
  const stream = async (filter?: ContainerStatsFilter) => {
    const messages = []
    for await (const { containerStats } of runtime.streamContainerStats(filter ? { filter } : {})) {
      messages.push(containerStats.map(({ attributes }) => attributes?.id ?? ''))
    }
    return messages
  }
  const messages = await stream()
  assert.ok(messages.every((ids) => ids.length > 0))
  assert.equal(messages.flat().sort(), await listed())
  assert.equal(await stream({ id: '', podSandboxId: '', labelSelector: { none: 'such' } }), [])
})

test.run()
