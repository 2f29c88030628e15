// SPDX-License-Identifier: Apache-2.0
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { NamespaceMode } from '../../cri-proto/index.ts'
import { LayoutBuilder } from '../../deploy/image/build-layout.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { HOST_NETWORK, idleConfig, podConfig, scriptConfig } from '../harness/workloads.ts'
import { textFile } from '../images/rootfs.ts'
import { writeCertsD } from '../registry/certs-d.ts'
import { RegistryServer } from '../registry/server.ts'

// What only a pure cgroup v2 and a kernel older than 6.5 show. Run in the guest by main.ts.

const CGROUPS = '/sys/fs/cgroup'
const daemon = await DaemonUnderTest.start({ network: 'none', pull: [IMAGES.busybox] })
const { workloads, place } = daemon
const { runtime } = daemon.client
const namespaceOptions = HOST_NETWORK
const pod = podConfig(place, 'unified', {
  linux: { cgroupParent: `${place.cgroupParent}/unified`, securityContext: { namespaceOptions, privileged: true } },
})
const podSandboxId = await workloads.runPod(pod)
const PRIVILEGED = { linux: { securityContext: { privileged: true, namespaceOptions } } }

test.after(() => daemon[Symbol.asyncDispose]())

function cgroupOf(containerId: string): string {
  return join(CGROUPS, place.cgroupParent, 'unified', containerId)
}

async function words(path: string): Promise<string[]> {
  return (await readFile(path, 'utf8')).trim().split(/\s+/)
}

async function mountOptions(): Promise<string> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')
  return lines.find((line) => line.includes(` ${CGROUPS} `)) ?? ''
}

test('this machine has nothing but cgroup v2', async () => {
  const types = (await readFile('/proc/self/mountinfo', 'utf8')).match(/ - cgroup2? /g)
  assert.equal(types, [' - cgroup2 '])
})

test('every controller that the pod can have is handed down to the container', async () => {
  const id = await workloads.runContainer(podSandboxId, idleConfig(workloads.name('born')), pod)
  const have = await words(join(cgroupOf(id), 'cgroup.controllers'))
  for (const controller of ['cpu', 'cpuset', 'io', 'memory', 'pids']) assert.ok(have.includes(controller), controller)
  const { status } = await runtime.containerStatus({ containerId: id })
  assert.is(status?.id, id)
  assert.is((await words(join(cgroupOf(id), 'cgroup.procs'))).length, 1)
})

test('a container sees its own cgroup as the root, and cannot change it', async () => {
  const id = await workloads.runContainer(podSandboxId, idleConfig(workloads.name('inside')), pod)
  assert.is(await workloads.exec(id, 'cat', '/proc/1/cgroup', '/proc/self/cgroup'), '0::/\n0::/\n')
  const seen = (await workloads.exec(id, 'cat', '/sys/fs/cgroup/cgroup.procs')).trim().split('\n')
  assert.ok(seen.includes('1'), `cgroup.procs inside: ${seen}`)
  const refused = await runtime.execSync({ containerId: id, cmd: ['mkdir', '/sys/fs/cgroup/x'], timeout: 20n })
  assert.match(String(refused.stderr), 'Read-only file system')
})

test("a privileged container leaves the options of the host's cgroup mount as they are", async () => {
  const before = await mountOptions()
  assert.match(before, 'nsdelegate')
  await workloads.runContainer(podSandboxId, idleConfig(workloads.name('privileged'), PRIVILEGED), pod)
  assert.is(await mountOptions(), before)
})

test('a privileged container writes to its cgroup', async () => {
  const id = await workloads.runContainer(podSandboxId, idleConfig(workloads.name('writes'), PRIVILEGED), pod)
  const own = (await workloads.exec(id, 'cat', '/proc/1/cgroup')).trim().replace(/^0::/, '/sys/fs/cgroup')
  await workloads.exec(id, 'mkdir', `${own}/made-inside`)
  assert.ok((await readdir(cgroupOf(id))).includes('made-inside'))
  await runtime.removeContainer({ containerId: id })
  assert.not.ok((await readdir(join(CGROUPS, place.cgroupParent, 'unified'))).includes(id))
})

test('exec works in a container whose init moved to a cgroup of its own and handed controllers down', async () => {
  // As systemd does when it is the first process of a container.
  const script = [
    'own=/sys/fs/cgroup$(sed s/^0::// /proc/self/cgroup)',
    'mkdir $own/init && echo 0 > $own/init/cgroup.procs && echo +memory > $own/cgroup.subtree_control',
    'exec sleep 3600',
  ].join('\n')
  const id = await workloads.runContainer(podSandboxId, scriptConfig(workloads.name('nested'), script, PRIVILEGED), pod)
  const control = join(cgroupOf(id), 'cgroup.subtree_control')
  await waitFor('memory is handed down', async () => (await words(control)).includes('memory'))
  assert.match(await workloads.exec(id, 'cat', '/proc/self/cgroup'), /\/init\n$/)
})

test('a device that is not allowed cannot be opened, one that is can', async () => {
  const script =
    'mknod /tmp/vda b 254 0; dd if=/tmp/vda of=/dev/null bs=1 count=1; dd if=/dev/zero of=/dev/null count=1 && echo zero'
  const { stdout, stderr } = await workloads.runToEnd(
    podSandboxId,
    scriptConfig(workloads.name('devices'), script),
    pod,
  )
  assert.match(stderr, "can't open '/tmp/vda': Operation not permitted")
  assert.is(stdout, 'zero\n')
})

test('memory.oom.group takes the whole container', async () => {
  const resources = { memoryLimitInBytes: 32n << 20n, unified: { 'memory.oom.group': '1' } }
  // The shell itself stays small: without the group only its child would be killed.
  const script = "sh -c 'x=a; while :; do x=$x$x; done'; sleep 3600"
  const config = scriptConfig(workloads.name('group'), script, { linux: { resources } })
  const { status } = await workloads.runToEnd(podSandboxId, config, pod)
  assert.equal([status.reason, status.exitCode], ['OOMKilled', 137])
})

test('what forked away from a container of a pod with shared processes ends with it', async () => {
  const linux = {
    ...pod.linux,
    securityContext: { namespaceOptions: { network: NamespaceMode.NODE, pid: NamespaceMode.POD } },
  }
  const shared = podConfig(place, 'shared', { linux: { ...linux, cgroupParent: `${place.cgroupParent}/shared` } })
  const sandbox = await workloads.runPod(shared)
  const script = 'for i in 1 2 3; do setsid sh -c "trap : TERM; while :; do sleep 1; done" & done; echo up; sleep 3600'
  const id = await workloads.runContainer(sandbox, scriptConfig(workloads.name('forks'), script), shared)
  const directory = join(CGROUPS, place.cgroupParent, 'shared', id)
  await waitFor('its processes are there', async () => (await words(join(directory, 'cgroup.procs'))).length >= 5)
  await runtime.stopContainer({ containerId: id, timeout: 0n })
  assert.match(await readFile(join(directory, 'cgroup.events'), 'utf8').catch(() => 'populated 0'), 'populated 0')
  await workloads.removePod(sandbox)
})

test('an image of 127 layers runs on a kernel that takes them in one page of options', async () => {
  const directory = join(daemon.directory, 'layers-layout')
  const layout = await LayoutBuilder.create(directory)
  const layers = []
  for (let n = 0; n < 127; n++) layers.push(await layout.addLayer([textFile(`/layer-${n}`, [String(n)])]))
  const name = 'many.local/layers:1'
  await layout.addImage({ layers, config: { Cmd: ['/none'] }, names: [name] })
  await layout.finish()
  const registry = await RegistryServer.start({ layouts: [directory] })
  const certs = join(daemon.directory, 'certs.d')
  await mkdir(certs, { recursive: true })
  await writeCertsD(certs, { registries: ['many.local'], endpoint: registry.endpoint })
  try {
    await daemon.pull(name)
    const config = idleConfig(workloads.name('layers'), { image: { image: name }, command: ['/none'] })
    const { containerId } = await runtime.createContainer({ podSandboxId, config, sandboxConfig: pod })
    const error = await runtime.startContainer({ containerId }).then(() => undefined, String)
    // Its root was mounted, for it got as far as looking for the program in it.
    assert.match(error ?? '', /execve.*ENOENT/)
  } finally {
    await registry.close()
  }
})

test('after the last pod nothing of any is left on the host', async () => {
  await workloads.removeAllPods()
  await daemon.expectNoTraces()
})

test.run()
