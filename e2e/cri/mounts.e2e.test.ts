// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Mount, MountPropagation } from '../../cri-proto/index.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { HOST_NETWORK, idleConfig, podConfig, scriptConfig } from '../harness/workloads.ts'
import { runCommand } from '../images/command.ts'

const { PROPAGATION_PRIVATE, PROPAGATION_HOST_TO_CONTAINER, PROPAGATION_BIDIRECTIONAL } = MountPropagation
const daemon = await DaemonUnderTest.start({ network: 'none', pull: [IMAGES.busybox] })
const { workloads, place } = daemon
const { runtime } = daemon.client
const pod = podConfig(place, 'mounts', {
  linux: { securityContext: { privileged: true, namespaceOptions: HOST_NETWORK } },
})
const podSandboxId = await workloads.runPod(pod)
/** A mount of its own, whose propagation the tests set. */
const shared = await mkdtemp(join(tmpdir(), 'ge-shared-'))
await runCommand('mount', ['-t', 'tmpfs', 'tmpfs', shared])
await runCommand('mount', ['--make-shared', shared])

test.after(async () => {
  await runCommand('umount', ['-R', '-l', shared])
  await rm(shared, { recursive: true, force: true })
  await daemon[Symbol.asyncDispose]()
})

type MountFields = Parameters<typeof Mount.fromPartial>[0]
const mountOf = (fields: MountFields): Mount => Mount.fromPartial({ containerPath: '/mnt', ...fields })

/** A directory of the host with a mount `below` it. */
async function sourceWithMount(name: string): Promise<string> {
  const source = join(shared, name)
  await mkdir(join(source, 'below'), { recursive: true })
  await runCommand('mount', ['-t', 'tmpfs', 'tmpfs', join(source, 'below')])
  return source
}

async function run(script: string, fields: MountFields): Promise<string> {
  const config = scriptConfig(workloads.name('c'), script, { mounts: [mountOf(fields)] })
  const { stdout, stderr } = await workloads.runToEnd(podSandboxId, config, pod)
  return stdout + stderr
}

/** An idle container that may mount, with `source` at /mnt. */
function privileged(source: string, propagation: MountPropagation): Promise<string> {
  const config = idleConfig(workloads.name('c'), {
    mounts: [mountOf({ hostPath: source, propagation })],
    linux: { securityContext: { privileged: true, namespaceOptions: HOST_NETWORK } },
  })
  return workloads.runContainer(podSandboxId, config, pod)
}

/** Whether a mount made on the host is seen in the container, and one made there on the host. */
async function passes(name: string, propagation: MountPropagation) {
  const source = join(shared, name)
  await mkdir(join(source, 'from-host'), { recursive: true })
  await mkdir(join(source, 'from-container'))
  const id = await privileged(source, propagation)
  await runCommand('mount', ['-t', 'tmpfs', 'tmpfs', join(source, 'from-host')])
  await writeFile(join(source, 'from-host/mark'), '')
  await workloads.exec(id, 'sh', '-c', 'mount -t tmpfs tmpfs /mnt/from-container && : > /mnt/from-container/mark')
  const toContainer = (await workloads.exec(id, 'ls', '/mnt/from-host')) === 'mark\n'
  const toHost = (await readdir(join(source, 'from-container'))).length === 1
  if (toHost) await runCommand('umount', [join(source, 'from-container')])
  await runtime.removeContainer({ containerId: id })
  return { toContainer, toHost }
}

test('a private mount passes nothing on', async () => {
  assert.equal(await passes('private', PROPAGATION_PRIVATE), { toContainer: false, toHost: false })
})

test('mounts pass from the host to the container where that is asked for', async () => {
  assert.equal(await passes('slave', PROPAGATION_HOST_TO_CONTAINER), { toContainer: true, toHost: false })
})

test('mounts pass both ways where that is asked for', async () => {
  assert.equal(await passes('both', PROPAGATION_BIDIRECTIONAL), { toContainer: true, toHost: true })
})

test('a mount that shall pass both ways from one that is not shared is refused', async () => {
  const source = join(shared, 'unshared')
  await mkdir(source)
  await runCommand('mount', ['-t', 'tmpfs', 'tmpfs', source])
  await runCommand('mount', ['--make-private', source])
  const mounts = [mountOf({ hostPath: source, propagation: PROPAGATION_BIDIRECTIONAL })]
  const config = scriptConfig(workloads.name('c'), 'true', { mounts })
  const call = runtime.createContainer({ podSandboxId, config, sandboxConfig: pod })
  await expectFailure(call, daemon.isPeer ? ['UNKNOWN', 'INTERNAL'] : 'FAILED_PRECONDITION', source, 'shared')
})

test('a read-only mount leaves what is mounted below it writable, a recursive one does not', async () => {
  const hostPath = await sourceWithMount('readonly')
  const script = 'touch /mnt/top && echo top; touch /mnt/below/deep && echo deep'
  const flat = await run(script, { hostPath, readonly: true })
  assert.match(flat, /^deep$/m)
  assert.not.match(flat, /^top$/m)
  if (daemon.isPeer) return
  const all = await run(script, { hostPath, readonly: true, recursiveReadOnly: true })
  assert.not.match(all, /^(top|deep)$/m)
  assert.is(all.match(/Read-only file system/g)?.length, 2)
})

test('a link is followed, and a directory that is missing is made', async () => {
  const target = join(shared, 'target')
  await mkdir(target)
  await writeFile(join(target, 'mark'), '')
  await symlink(target, join(shared, 'link'))
  assert.is(await run('ls /mnt', { hostPath: join(shared, 'link') }), 'mark\n')
  const missing = join(shared, 'made/by/the/start')
  assert.is(await run('touch /mnt/here', { hostPath: missing }), '')
  assert.equal(await readdir(missing), ['here'])
})

test('the status tells the mounts as they were asked for', async () => {
  const mounts = [
    mountOf({ hostPath: join(shared, 'slave'), readonly: true, propagation: PROPAGATION_HOST_TO_CONTAINER }),
    mountOf({ hostPath: join(shared, 'both'), containerPath: '/other' }),
  ]
  const id = await workloads.runContainer(podSandboxId, idleConfig(workloads.name('c'), { mounts }), pod)
  assert.equal((await workloads.status(id)).mounts, mounts)
  await runtime.removeContainer({ containerId: id })
})

test('a mount over another lies where it was asked for, whatever the order', async () => {
  const [outer, inner] = [join(shared, 'outer'), join(shared, 'inner')]
  for (const directory of [join(outer, 'in'), inner]) await mkdir(directory, { recursive: true })
  await writeFile(join(inner, 'mark'), '')
  const mounts = [
    mountOf({ hostPath: inner, containerPath: '/mnt/in' }),
    mountOf({ hostPath: outer, containerPath: '/mnt' }),
  ]
  const config = scriptConfig(workloads.name('c'), 'ls /mnt/in', { mounts })
  assert.is((await workloads.runToEnd(podSandboxId, config, pod)).stdout, 'mark\n')
})

test('after the last pod nothing of any is left on the host', async () => {
  await workloads.removeAllPods()
  if (daemon.isPeer) return
  await waitFor('no mount of a container', async () => (await daemon.traces()).length === 0)
})

test.run()
