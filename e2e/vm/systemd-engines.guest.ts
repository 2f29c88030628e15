// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createCriClient, LinuxContainerResources } from '../../cri-proto/index.ts'
import { makeImage } from '../../runtime-core/keeper/test/image.ts'
import { PrivateContainerd } from '../harness/containerd.ts'
import { imageSpec } from '../harness/daemon.ts'
import { IMAGES, SUITE_REGISTRY } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { HOST_NETWORK, idleConfig, podConfig, Workloads } from '../harness/workloads.ts'
import { PAUSE_IMAGE } from '../images/bench-images.ts'
import { ensureImages } from '../images/build.ts'
import { runCommand } from '../images/command.ts'
import { writeCertsD } from '../registry/certs-d.ts'
import { RegistryServer } from '../registry/server.ts'

// Debian's podman and containerd with gantry-oci as their runtime, and systemd as the maker of cgroups. Run in the guest
// by main.ts.

const GANTRY_OCI = resolve(import.meta.dirname, '../../bin/gantry-oci')
const directory = await mkdtemp('/var/lib/gantry/engines-')
const rootfs = join(directory, 'rootfs')
makeImage(rootfs)

const shown = async (unit: string, name: string) =>
  (await runCommand('systemctl', ['show', '--value', '-p', name, '--', unit])).trim()
const untilGone = (unit: string) =>
  waitFor(`${unit} is gone`, async () => (await shown(unit, 'LoadState')) === 'not-found', 20_000)
const cgroupOf = async (pid: number | string) => (await readFile(`/proc/${pid}/cgroup`, 'utf8')).trim()

const podman = async (...args: string[]) => {
  const global = ['--cgroup-manager', 'systemd', '--runtime', GANTRY_OCI, '--storage-driver', 'vfs']
  const at = ['--root', join(directory, 'storage'), '--runroot', '/run/podman-test', '--tmpdir', '/run/podman-tmp']
  return (await runCommand('podman', [...global, ...at, ...args])).trim()
}
const run = (...args: string[]) => podman('run', '--network', 'none', ...args)

test('podman runs a container in a scope of machine.slice', async () => {
  const said = await run('--rm', '--rootfs', rootfs, 'sh', '-c', 'echo hello; cat /proc/1/cgroup')
  assert.match(said, /^hello/)
})

test('podman’s container lives: exec, update, pause, stop, remove', async () => {
  const id = await run('-d', '--memory', '64m', '--pids-limit', '50', '--rootfs', rootfs, 'sleep', '1000')
  const unit = `libpod-${id}.scope`
  const pid = await podman('inspect', '--format', '{{.State.Pid}}', id)
  assert.match(await cgroupOf(pid), `/machine.slice/${unit}`)
  assert.is(await shown(unit, 'MemoryMax'), String(64 << 20))
  assert.is(await shown(unit, 'TasksMax'), '50')
  assert.is(await podman('exec', id, 'echo', 'inside'), 'inside')
  await podman('update', '--memory', '96m', id)
  assert.is(await shown(unit, 'MemoryMax'), String(96 << 20))
  await podman('pause', id)
  assert.is(await podman('inspect', '--format', '{{.State.Status}}', id), 'paused')
  await podman('unpause', id)
  await podman('rm', '--force', '--time', '0', id)
  await untilGone(unit)
})

test('podman hands on the status of its container, and restarts it', async () => {
  const name = 'again'
  await run('--name', name, '--rootfs', rootfs, 'sh', '-c', 'exit 3').catch((error: unknown) =>
    assert.match(String(error), /3/),
  )
  assert.is(await podman('inspect', '--format', '{{.State.ExitCode}}', name), '3')
  await podman('start', name)
  await podman('wait', name)
  await podman('rm', name)
})

const registry = await RegistryServer.start({
  layouts: [await ensureImages('quickstart'), await ensureImages('bench')],
})
const certsDirectory = join(directory, 'certs.d')
await writeCertsD(certsDirectory, { registries: [SUITE_REGISTRY], endpoint: registry.endpoint })
await mkdir(join(directory, 'net.d'))
const containerd = await PrivateContainerd.start({
  directory: join(directory, 'containerd'),
  certsDirectory,
  cniConfDirectory: join(directory, 'net.d'),
  cniBinDirectory: '/usr/lib/cni',
  sandboxImage: PAUSE_IMAGE,
  ociRuntime: GANTRY_OCI,
  systemdCgroup: true,
})
const client = createCriClient(containerd.endpoint, { defaultTimeoutMs: 60_000 })
test.after(async () => {
  client.close()
  await containerd.stop()
  await registry.close()
  await rm(directory, { recursive: true })
})

test('containerd’s pods are scopes below the slice of the pod', async () => {
  const workloads = new Workloads(client)
  const slice = 'kubepods-burstable-podengine.slice'
  const place = { logDirectory: join(directory, 'logs'), cgroupParent: '' }
  const pod = podConfig(place, 'engine', {
    linux: { cgroupParent: slice, securityContext: { namespaceOptions: HOST_NETWORK } },
  })
  await client.image.pullImage({ image: imageSpec(IMAGES.busybox) })
  const podSandboxId = await workloads.runPod(pod)
  const memoryLimitInBytes = BigInt(64 << 20)
  const config = idleConfig('worker', { linux: { resources: { memoryLimitInBytes, cpuShares: 512n } } })
  const containerId = await workloads.runContainer(podSandboxId, config, pod)
  const unit = `cri-containerd-${containerId}.scope`
  assert.is(await shown(unit, 'Slice'), slice)
  assert.is(await shown(unit, 'MemoryMax'), String(64 << 20))
  assert.is(await workloads.exec(containerId, 'echo', 'here'), 'here\n')
  const linux = LinuxContainerResources.create({ memoryLimitInBytes: BigInt(96 << 20) })
  await client.runtime.updateContainerResources({ containerId, linux })
  assert.is(await shown(unit, 'MemoryMax'), String(96 << 20))
  await client.runtime.stopContainer({ containerId, timeout: 0n })
  await untilGone(unit)
  await workloads.removePod(podSandboxId)
  await untilGone(`cri-containerd-${podSandboxId}.scope`)
  await runCommand('systemctl', ['stop', 'kubepods.slice'])
})

test('ctr runs a container in the scope it names', async () => {
  const socket = containerd.endpoint.slice('unix://'.length)
  const runtime = ['--runc-binary', GANTRY_OCI, '--runc-systemd-cgroup', '--cgroup', 'machine-ctr.slice:ctr:one']
  const args = [
    '--address',
    socket,
    'run',
    '--rm',
    ...runtime,
    '--rootfs',
    rootfs,
    'one',
    '/bin/cat',
    '/proc/self/cgroup',
  ]
  assert.match(await runCommand('ctr', args), /0::\//)
  await untilGone('ctr-one.scope')
  assert.not(existsSync('/run/containerd/runc/default/one'))
})

test.run()
