// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CgroupDriver, LinuxContainerResources } from '../../cri-proto/index.ts'
import { readCgroupHost } from '../../runtime-core/cgroup/detect.ts'
import { cgroupRoots } from '../../runtime-core/cgroup/driver.ts'
import { parentPathOf } from '../../runtime-core/cgroup/path.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { HOST_NETWORK, idleConfig, podConfig, scriptConfig } from '../harness/workloads.ts'
import { runCommand } from '../images/command.ts'

// gantryd with the systemd cgroup driver, where systemd is the init. Run in the guest by main.ts.

const MiB = 1 << 20
const SLICE = 'kubepods-besteffort-pod1234.slice'
const host = await readCgroupHost()
const daemon = await DaemonUnderTest.start({
  network: 'none',
  images: 'quickstart',
  pull: [IMAGES.busybox],
  flags: { 'cgroup-driver': 'systemd' },
})
const { workloads, place } = daemon
const { runtime } = daemon.client
const pod = podConfig(place, 'unit', {
  linux: { cgroupParent: SLICE, securityContext: { namespaceOptions: HOST_NETWORK } },
})
const podSandboxId = await workloads.runPod(pod)
const LIMITS = {
  linux: {
    resources: { cpuShares: 512n, cpuQuota: 25_000n, cpuPeriod: 100_000n, memoryLimitInBytes: BigInt(64 * MiB) },
  },
}

test.after(() => daemon[Symbol.asyncDispose]())

const unitOf = (id: string) => `gantry-${id}.scope`

async function shown(unit: string, name: string): Promise<string> {
  return (await runCommand('systemctl', ['show', '--value', '-p', name, unit])).trim()
}

/** A file of the container's cgroup, in whichever hierarchy it is. */
async function limit(id: string, ...names: string[]): Promise<string> {
  for (const root of cgroupRoots(host)) {
    for (const name of names) {
      const path = join(root, parentPathOf(SLICE), unitOf(id), name)
      if (existsSync(path)) return (await readFile(path, 'utf8')).trim()
    }
  }
  throw new Error(`no ${names.join(', ')} of ${id}`)
}

test('RuntimeConfig tells the kubelet which driver it is', async () => {
  assert.is((await runtime.runtimeConfig({})).linux?.cgroupDriver, CgroupDriver.SYSTEMD)
})

test('a container is a scope below the slice of its pod, with its limits known to systemd and exact in the files', async () => {
  const id = await workloads.runContainer(podSandboxId, idleConfig(workloads.name('limited'), LIMITS), pod)
  assert.is(await shown(unitOf(id), 'ActiveState'), 'active')
  assert.is(await shown(unitOf(id), 'Slice'), SLICE)
  assert.is(await shown(unitOf(id), 'CPUQuotaPerSecUSec'), '250ms')
  assert.is(await shown(unitOf(id), 'DevicePolicy'), 'strict')
  assert.is(await limit(id, 'memory.max', 'memory.limit_in_bytes'), String(64 * MiB))
  assert.match(await limit(id, 'cpu.max', 'cpu.cfs_quota_us'), /^25000/)
  assert.is((await limit(id, 'cgroup.procs')).split('\n').length, 1)
  const { status } = await runtime.containerStatus({ containerId: id })
  assert.is(status?.id, id)
  const { stats } = await runtime.containerStats({ containerId: id })
  assert.ok((stats?.memory?.workingSetBytes?.value ?? 0n) > 0n)
})

test('limits and devices outlive daemon-reload, and an update is known to systemd', async () => {
  const id = await workloads.runContainer(podSandboxId, idleConfig(workloads.name('reloaded'), LIMITS), pod)
  const linux = LinuxContainerResources.create({ memoryLimitInBytes: BigInt(96 * MiB), cpuShares: 256n })
  await runtime.updateContainerResources({ containerId: id, linux })
  await runCommand('systemctl', ['daemon-reload'])
  await runCommand('systemctl', ['set-property', '--runtime', SLICE, 'CPUWeight=50'])
  assert.is(await limit(id, 'memory.max', 'memory.limit_in_bytes'), String(96 * MiB))
  assert.match(await limit(id, 'cpu.max', 'cpu.cfs_quota_us'), /^25000/)
  assert.is(await workloads.exec(id, 'sh', '-c', 'echo hello >/dev/null; head -c 4 /dev/zero | wc -c'), '4\n')
  const open = await runtime.execSync({ containerId: id, cmd: ['sh', '-c', 'mknod /n b 254 0; cat /n'], timeout: 20n })
  assert.match(String(open.stderr), 'not permitted')
})

test('whom the OOM killer took is told', async () => {
  // On v1 the count is gone with the cgroup, and no cgroup above has it (docs of the driver).
  if (host.mode !== 'v2') return
  for (let n = 0; n < 5; n++) {
    const config = scriptConfig(workloads.name('oom'), 'exec tail /dev/zero', {
      linux: { resources: { memoryLimitInBytes: BigInt(16 * MiB), memorySwapLimitInBytes: BigInt(16 * MiB) } },
    })
    const { status } = await workloads.runToEnd(podSandboxId, config, pod)
    assert.is(status.reason, 'OOMKilled')
  }
})

test('one that is killed beside a container with victims of the OOM killer is not taken for one', async () => {
  if (host.mode !== 'v2') return
  const eater = scriptConfig(workloads.name('eater'), 'tail /dev/zero; echo ready; exec sleep 3600', {
    linux: { resources: { memoryLimitInBytes: BigInt(16 * MiB), memorySwapLimitInBytes: BigInt(16 * MiB) } },
  })
  const bystander = await workloads.runContainer(podSandboxId, idleConfig(workloads.name('bystander')), pod)
  const id = await workloads.runContainer(podSandboxId, eater, pod)
  await waitFor('its child is killed', async () => /oom_kill [1-9]/.test(await limit(id, 'memory.events')), 20_000)
  await runtime.stopContainer({ containerId: bystander, timeout: 0n })
  assert.is((await workloads.status(bystander)).reason, 'Error')
  await runtime.stopContainer({ containerId: id, timeout: 0n })
})

test('a limit of one task leaves room for the one', async () => {
  const config = idleConfig(workloads.name('alone'), { linux: { resources: { unified: { 'pids.max': '1' } } } })
  if (host.mode !== 'v2') return
  const id = await workloads.runContainer(podSandboxId, config, pod)
  assert.is(await limit(id, 'pids.max'), '1')
})

test('a failed start leaves no unit', async () => {
  const config = idleConfig(workloads.name('missing'), { command: ['/nowhere'] })
  const error = await workloads.runContainer(podSandboxId, config, pod).catch((reason: unknown) => reason)
  assert.match(String(error), 'nowhere')
  await noUnits('a failed start', await unitsBut(0))
})

test('a restart of the daemon and of systemd finds everything again', async () => {
  const id = await workloads.runContainer(podSandboxId, idleConfig(workloads.name('survivor')), pod)
  await runCommand('systemctl', ['daemon-reexec'])
  await daemon.restart()
  assert.is(await workloads.exec(id, 'echo', 'here'), 'here\n')
  const next = await workloads.runContainer(podSandboxId, idleConfig(workloads.name('after')), pod)
  await runtime.stopContainer({ containerId: next, timeout: 0n })
  await waitFor('its scope is gone', async () => (await shown(unitOf(next), 'LoadState')) === 'not-found', 20_000)
})

test('nothing is left in systemd when the pod is removed', async () => {
  await workloads.removePod(podSandboxId)
  await noUnits('the pod', () => true)
  assert.not.match(await units(), SLICE)
})

function units(): Promise<string> {
  return runCommand('systemctl', ['list-units', '--all', '--plain', '--no-legend', 'gantry-*.scope', 'kubepods*'])
}

async function unitsBut(_: number): Promise<(line: string) => boolean> {
  const running = (await runtime.listContainers({})).containers.map(({ id }) => unitOf(id))
  return (line) => !running.some((unit) => line.startsWith(unit)) && line.includes('.scope')
}

async function noUnits(what: string, counts: (line: string) => boolean): Promise<void> {
  let left: string[] = []
  await waitFor(
    `no unit of ${what} is left`,
    async () => {
      left = (await units()).split('\n').filter((line) => line !== '' && counts(line))
      return left.length === 0
    },
    20_000,
  ).catch(() => assert.equal(left, []))
}

test.run()
