// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LinuxContainerResources, WindowsContainerResources } from '../../cri-proto/index.ts'
import { readCgroupHost } from '../../runtime-core/cgroup/detect.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { idleConfig, podConfig, scriptConfig } from '../harness/workloads.ts'

const daemon = await DaemonUnderTest.start({ network: 'none', pull: [IMAGES.busybox] })
const { workloads, place } = daemon
const { runtime } = daemon.client
const pod = podConfig(place, 'resources')
const podSandboxId = await workloads.runPod(pod)
const host = await readCgroupHost()
const MIB = 1024n * 1024n

test.after(() => daemon[Symbol.asyncDispose]())

/** A file of the container's cgroup; on a v1 or hybrid host that of the controller, else of the unified hierarchy. */
async function limitOf(containerId: string, controller: string, v1: string, v2: string): Promise<string> {
  const mount = host.v1.get(controller)
  const directory = `${mount ?? host.unifiedMount}${place.cgroupParent}/resources/${containerId}`
  return (await readFile(`${directory}/${mount === undefined ? v2 : v1}`, 'utf8')).trim()
}

const memoryOf = (id: string) => limitOf(id, 'memory', 'memory.limit_in_bytes', 'memory.max')

function run(name: string, resources: Partial<LinuxContainerResources>): Promise<string> {
  const config = idleConfig(workloads.name(name), { linux: { resources: LinuxContainerResources.create(resources) } })
  return workloads.runContainer(podSandboxId, config, pod)
}

function update(containerId: string, change: Partial<LinuxContainerResources>) {
  return runtime.updateContainerResources({ containerId, linux: LinuxContainerResources.create(change) })
}

test('a container is limited from its first moment', async () => {
  const id = await run('limited', {
    memoryLimitInBytes: 64n * MIB,
    cpuQuota: 20_000n,
    cpuPeriod: 100_000n,
    cpuShares: 256n,
  })
  assert.is(await memoryOf(id), String(64n * MIB))
  if (host.v1.has('cpu')) {
    assert.is(await limitOf(id, 'cpu', 'cpu.cfs_quota_us', ''), '20000')
    assert.is(await limitOf(id, 'cpu', 'cpu.shares', ''), '256')
  } else assert.is(await limitOf(id, 'cpu', '', 'cpu.max'), '20000 100000')
  assert.match(await workloads.exec(id, 'cat', '/proc/self/cgroup'), /memory:|^0::/m)
})

test('a kubelet, which names the sizes of huge pages in every change, changes the other limits', async () => {
  const hugepageLimits = [{ pageSize: '2MB', limit: 0n }]
  const id = await run('pages', { memoryLimitInBytes: 64n * MIB, hugepageLimits })
  await update(id, { memoryLimitInBytes: 96n * MIB, hugepageLimits })
  assert.is(await memoryOf(id), String(96n * MIB))
})

test('new limits are in the cgroup and in the status', async () => {
  const id = await run('updated', { memoryLimitInBytes: 64n * MIB, cpuShares: 256n })
  await update(id, { memoryLimitInBytes: 128n * MIB, cpuQuota: 50_000n, cpuPeriod: 100_000n })
  assert.is(await memoryOf(id), String(128n * MIB))
  const quota = host.v1.has('cpu') ? ['cpu', 'cpu.cfs_quota_us', ''] : ['cpu', '', 'cpu.max']
  assert.match(await limitOf(id, quota[0] ?? '', quota[1] ?? '', quota[2] ?? ''), /^50000/)
  const { resources } = await workloads.status(id)
  assert.equal(
    [resources?.linux?.memoryLimitInBytes, resources?.linux?.cpuQuota, resources?.linux?.cpuShares],
    [128n * MIB, 50_000n, 256n],
  )
})

test('what is not named in an update stays as it was', async () => {
  const id = await run('kept', { memoryLimitInBytes: 64n * MIB, cpuShares: 256n })
  await update(id, { cpuShares: 512n })
  assert.is(await memoryOf(id), String(64n * MIB))
  assert.is((await workloads.status(id)).resources?.linux?.cpuShares, 512n)
})

test('a created container is updated too, and starts with the new limits', async () => {
  const config = idleConfig(workloads.name('created'), { linux: { resources: { memoryLimitInBytes: 64n * MIB } } })
  const { containerId } = await runtime.createContainer({ podSandboxId, config, sandboxConfig: pod })
  await update(containerId, { memoryLimitInBytes: 96n * MIB })
  await runtime.startContainer({ containerId })
  assert.is(await memoryOf(containerId), String(96n * MIB))
})

test('an update that cannot be done changes nothing at all', async () => {
  const id = await run('whole', { memoryLimitInBytes: 64n * MIB, cpuShares: 256n })
  const before = await workloads.status(id)
  const call = update(id, { memoryLimitInBytes: 128n * MIB, cpusetCpus: '4000-4001' })
  await expectFailure(call, ['INVALID_ARGUMENT', 'FAILED_PRECONDITION', 'INTERNAL', 'UNKNOWN'], /cpuset/)
  assert.is(await memoryOf(id), String(64n * MIB))
  assert.equal((await workloads.status(id)).resources, before.resources)
})

test('processors and memory nodes are those that were listed', async () => {
  const id = await run('pinned', { cpusetCpus: '0', cpusetMems: '0' })
  assert.match(await workloads.exec(id, 'grep', '^Cpus_allowed_list', '/proc/self/status'), /:\t0\n/)
  const { resources } = await workloads.status(id)
  assert.equal([resources?.linux?.cpusetCpus, resources?.linux?.cpusetMems], ['0', '0'])
})

test('swap is forbidden beside a memory limit, and may be granted', async () => {
  const swap = (id: string) => limitOf(id, 'memory', 'memory.memsw.limit_in_bytes', 'memory.swap.max')
  const hasSwap = await swap(await run('probe', { memoryLimitInBytes: 64n * MIB })).catch(() => undefined)
  const [none, some] = host.v1.has('memory') ? [64n * MIB, 96n * MIB] : [0n, 32n * MIB]
  if (hasSwap !== undefined) assert.is(hasSwap, String(none))
  const granted = await run('swap', { memoryLimitInBytes: 64n * MIB, memorySwapLimitInBytes: 96n * MIB })
  if (hasSwap !== undefined) assert.is(await swap(granted), String(some))
  const change = { memoryLimitInBytes: 64n * MIB, memorySwapLimitInBytes: 32n * MIB }
  if (!daemon.isPeer) await expectFailure(run('less', change), 'INVALID_ARGUMENT', 'memory_swap_limit_in_bytes')
})

test('files of cgroup v2 are written as they are named, and refused where there is no cgroup v2', async () => {
  if (daemon.isPeer) return
  const unified = { 'memory.high': String(48n * MIB) }
  if (host.mode === 'v2') {
    assert.is(await limitOf(await run('unified', { unified }), 'none', '', 'memory.high'), unified['memory.high'])
  } else await expectFailure(run('unified', { unified }), 'FAILED_PRECONDITION', 'memory.high', 'cgroup v2')
  await expectFailure(run('climbing', { unified: { '../memory.max': '1' } }), [
    'INVALID_ARGUMENT',
    'FAILED_PRECONDITION',
  ])
})

test('limits on huge pages are set where there is a controller for them, and do no harm where not', async () => {
  if (daemon.isPeer) return
  const id = await run('huge', { hugepageLimits: [{ pageSize: '2MB', limit: 4n * MIB }] })
  const hasController = host.v1.has('hugetlb') || (host.mode === 'v2' && host.controllers.includes('hugetlb'))
  if (hasController) {
    assert.is(await limitOf(id, 'hugetlb', 'hugetlb.2MB.limit_in_bytes', 'hugetlb.2MB.max'), String(4n * MIB))
  }
  const wrong = { hugepageLimits: [{ pageSize: 'huge', limit: 1n }] }
  if (hasController) await expectFailure(run('wrong', wrong), 'INVALID_ARGUMENT', 'page_size')
})

test('a container that uses more memory than it may is OOMKilled', async () => {
  const script = 'x=a; while :; do x=$x$x; done'
  const config = scriptConfig(workloads.name('oom'), script, {
    linux: { resources: { memoryLimitInBytes: 32n * MIB } },
  })
  const { status } = await workloads.runToEnd(podSandboxId, config, pod)
  assert.equal([status.reason, status.exitCode], ['OOMKilled', 137])
})

test('a child that is killed for its memory is seen in the reason of its container', async () => {
  const script = "sh -c 'x=a; while :; do x=$x$x; done'; exit 3"
  const linux = { resources: LinuxContainerResources.create({ memoryLimitInBytes: 32n * MIB }) }
  const { status } = await workloads.runToEnd(podSandboxId, scriptConfig('child', script, { linux }), pod)
  assert.equal([status.reason, status.exitCode], ['OOMKilled', 3])
})

test('a container that ends by itself is not called OOMKilled', async () => {
  const config = scriptConfig(workloads.name('no-oom'), 'exit 137', {
    linux: { resources: { memoryLimitInBytes: 32n * MIB } },
  })
  const { status } = await workloads.runToEnd(podSandboxId, config, pod)
  assert.equal([status.reason, status.exitCode], ['Error', 137])
})

test('oom_score_adj is set as far as this machine allows', async () => {
  const id = await run('score', { oomScoreAdj: 500n })
  assert.is((await workloads.exec(id, 'cat', '/proc/1/oom_score_adj')).trim(), '500')
  assert.is((await workloads.status(id)).resources?.linux?.oomScoreAdj, 500n)
})

test('an update without limits, and one of an unknown container, are refused', async () => {
  const id = await run('empty', {})
  if (!daemon.isPeer)
    await expectFailure(runtime.updateContainerResources({ containerId: id }), 'INVALID_ARGUMENT', 'linux')
  const windows = runtime.updateContainerResources({ containerId: id, windows: WindowsContainerResources.create({}) })
  if (!daemon.isPeer) await expectFailure(windows, 'INVALID_ARGUMENT', 'windows')
  await expectFailure(update('0'.repeat(64), { cpuShares: 2n }), 'NOT_FOUND', '0'.repeat(64))
})

test('after the last pod the daemon ends in order, and nothing of any pod is left on the host', () =>
  daemon[Symbol.asyncDispose]())

test.run()
