// SPDX-License-Identifier: Apache-2.0
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Mount, NamespaceMode } from '../../cri-proto/index.ts'
import { DaemonUnderTest, imageSpec } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { HOST_NETWORK, networkedPodConfig, POD_NETWORK, podConfig, scriptConfig } from '../harness/workloads.ts'

const daemon = await DaemonUnderTest.start({ network: 'bridge', pull: [IMAGES.busybox, IMAGES.configured] })
const { workloads, place } = daemon
const { runtime } = daemon.client
const HOST_ID = 100_000
const MAPPING = { hostId: HOST_ID, containerId: 0, length: 65_536 }
const USER = { mode: NamespaceMode.POD, uids: [MAPPING], gids: [MAPPING] }
const namespaceOptions = { ...POD_NETWORK, usernsOptions: USER }
const pod = networkedPodConfig(place, 'mapped', {
  linux: { cgroupParent: `${place.cgroupParent}/mapped`, securityContext: { namespaceOptions } },
})
const { runtimeHandlers } = await runtime.status({})
/** Linux 5.19; the peer of Debian 12 has none. */
const isSupported = runtimeHandlers.some(({ name, features }) => name === '' && features?.userNamespaces === true)
const own = isSupported ? test : test.skip
const podSandboxId = isSupported ? await workloads.runPod(pod) : ''

test.after(() => daemon[Symbol.asyncDispose]())

type Change = NonNullable<Parameters<typeof scriptConfig>[2]>

async function run(script: string, change: Change = {}) {
  const config = scriptConfig(workloads.name('c'), script, {
    linux: { securityContext: { namespaceOptions } },
    ...change,
  })
  const { stdout, stderr, status } = await workloads.runToEnd(podSandboxId, config, pod)
  return { text: stdout + stderr, status }
}

own('root of the pod is somebody else on the host, and its files are root’s to the container', async () => {
  const { text } = await run(
    'cat /proc/self/uid_map; id -u; stat -c %u /bin/busybox /etc/hosts; touch /x && stat -c %u /x',
  )
  assert.match(text, /^ +0 +100000 +65536\n0\n0\n0\n0\n$/)
})

own('a process of the pod has an id on the host that owns nothing there', async () => {
  const config = scriptConfig(workloads.name('c'), 'exec sleep 3600', {
    linux: { securityContext: { namespaceOptions } },
  })
  const id = await workloads.runContainer(podSandboxId, config, pod)
  const { info } = await runtime.containerStatus({ containerId: id, verbose: true })
  const { pid } = JSON.parse(info['info'] ?? '{}') as { pid: number }
  assert.is((await stat(`/proc/${pid}`)).uid, HOST_ID)
  assert.is(await workloads.exec(id, 'id', '-u'), '0\n')
})

own('a volume with mappings shows the owners of the host, and keeps them', async () => {
  const hostPath = join(daemon.directory, 'volume')
  await mkdir(hostPath)
  await writeFile(join(hostPath, 'root'), '')
  const mapped = Mount.fromPartial({ hostPath, containerPath: '/mnt', uidMappings: [MAPPING], gidMappings: [MAPPING] })
  const { text } = await run('stat -c %u /mnt/root; touch /mnt/new', { mounts: [mapped] })
  assert.is(text, '0\n')
  assert.is((await stat(join(hostPath, 'new'))).uid, 0)
  const plain = Mount.fromPartial({ hostPath, containerPath: '/mnt' })
  assert.is((await run('stat -c %u /mnt/root', { mounts: [plain] })).text, '65534\n')
})

own('another user of the image, its volume and its groups work as without', async () => {
  const { text } = await run('id -u; id -G; touch /data/x && echo wrote', {
    image: imageSpec(IMAGES.configured),
    linux: { securityContext: { namespaceOptions, runAsUser: { value: 0n } } },
  })
  assert.match(text, /^0\n.*\nwrote\n$/)
})

own('a pod with a user namespace has its own network settings, and may not touch the host', async () => {
  const { text } = await run('echo 1 > /proc/sys/kernel/panic; mount -t tmpfs none /mnt; ip addr | grep -c "inet 10"')
  assert.match(text, /(Permission denied|Read-only)/)
  assert.match(text, /^1$/m)
})

own('a container may not have other mappings than its pod', async () => {
  const other = { ...USER, uids: [{ ...MAPPING, hostId: 200_000 }] }
  const securityContext = { namespaceOptions: { ...POD_NETWORK, usernsOptions: other } }
  const config = scriptConfig(workloads.name('c'), 'true', { linux: { securityContext } })
  const call = runtime.createContainer({ podSandboxId, config, sandboxConfig: pod })
  await expectFailure(call, 'INVALID_ARGUMENT', 'userns_options', '200000')
})

own('mappings that are more than one, none, or not of id 0 are refused', async () => {
  for (const uids of [[], [MAPPING, { ...MAPPING, containerId: 70_000 }], [{ ...MAPPING, containerId: 5 }]]) {
    const usernsOptions = { ...USER, uids }
    const config = podConfig(place, workloads.name('bad'), {
      linux: { securityContext: { namespaceOptions: { ...POD_NETWORK, usernsOptions } } },
    })
    await expectFailure(runtime.runPodSandbox({ config }), 'INVALID_ARGUMENT', 'userns_options')
  }
})

own('a user namespace goes together with the host’s network, and Status says so', async () => {
  const options = { ...HOST_NETWORK, usernsOptions: USER }
  const config = podConfig(place, workloads.name('hostnet'), {
    linux: { cgroupParent: `${place.cgroupParent}/hostnet`, securityContext: { namespaceOptions: options } },
  })
  const id = await workloads.runPod(config)
  const linux = { securityContext: { namespaceOptions: options } }
  const script = 'cat /proc/self/uid_map; ls /sys/class/net; touch /sys/x; ip link add dummy0 type dummy'
  const { stdout, stderr } = await workloads.runToEnd(id, scriptConfig('main', script, { linux }), config)
  assert.match(stdout, /^ +0 +100000 +65536$/m)
  for (const name of Object.keys(networkInterfaces())) assert.ok(stdout.includes(name), `${name} in ${stdout}`)
  assert.match(stderr, /\/sys\/x: Read-only/)
  assert.match(stderr, /(Operation not permitted|not supported)/)
  assert.is((await runtime.status({})).features?.userNamespacesHostNetwork, true)
})

own('limits beyond those of an ordinary process reach a container in a user namespace too', async () => {
  const { text } = await run('cat /proc/self/limits')
  const outside = podConfig(place, 'plain')
  const id = await workloads.runPod(outside)
  const config = scriptConfig(workloads.name('c'), 'cat /proc/self/limits')
  assert.is(text, (await workloads.runToEnd(id, config, outside)).stdout)
})

test('after the last pod the daemon ends in order, and nothing of any pod is left on the host', () =>
  daemon[Symbol.asyncDispose]())

test.run()
