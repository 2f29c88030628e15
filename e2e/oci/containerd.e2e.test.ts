// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LinuxContainerResources } from '../../cri-proto/index.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { containerConfig, idleConfig, networkedPodConfig, scriptConfig } from '../harness/workloads.ts'
import { crictl, crictlAtTerminal } from '../streaming/crictl.ts'
import { RUNTIME } from './runtime-under-test.ts'

// containerd by its CRI, and below its runc shim the runtime under test: each call of a kubelet becomes calls of that.
const daemon = await DaemonUnderTest.start({
  network: 'bridge',
  runtime: 'containerd',
  ociRuntime: RUNTIME,
  pull: [IMAGES.busybox, IMAGES.configured, IMAGES.pause],
})
const { workloads, place, socket } = daemon
const { runtime } = daemon.client
const pod = networkedPodConfig(place, 'below-containerd')
const podSandboxId = await workloads.runPod(pod)
const containerId = await workloads.runContainer(podSandboxId, idleConfig('main'), pod)

test.after(() => daemon[Symbol.asyncDispose]())

const SIZE = { rows: 24, columns: 80 }

test('a pod with a network of its own has its container running, and crictl sees both', async () => {
  const pods = await crictl(socket, ['pods', '-q', '--no-trunc', '--state', 'ready'])
  assert.is(pods.stdout.trim(), podSandboxId)
  const ps = await crictl(socket, ['ps', '-q', '--no-trunc', '--state', 'running'])
  assert.is(ps.stdout.trim(), containerId)
  assert.match(await workloads.exec(containerId, 'cat', '/proc/net/dev'), /eth0:/)
})

test('a container’s output and exit code are known', async () => {
  const config = scriptConfig('ends', 'echo out; echo err >&2; exit 7')
  const { status, stdout, stderr } = await workloads.runToEnd(podSandboxId, config, pod)
  assert.equal([status.exitCode, stdout, stderr], [7, 'out\n', 'err\n'])
})

test('an image’s user has its home, its groups and its working directory', async () => {
  const image = { image: IMAGES.configured }
  const script = ['/bin/sh', '-c', 'echo $(id -u) $HOME $PWD $GREETING']
  const config = containerConfig('configured', { image, command: script })
  assert.is((await workloads.runToEnd(podSandboxId, config, pod)).stdout, '1000 /home/app /work hello\n')
})

test('exec answers with output and status, at a terminal too', async () => {
  const { code, stdout, stderr } = await crictl(socket, [
    'exec',
    containerId,
    'sh',
    '-c',
    'echo out; echo err >&2; exit 3',
  ])
  assert.equal([code, stdout], [1, 'out\n'])
  assert.match(stderr, /^err\n[\s\S]*exit code 3|exit status 3|exited with 3/)
  const tty = await crictlAtTerminal(
    socket,
    SIZE,
    ['exec', '-it', containerId, 'sh', '-c', 'test -t 0 && echo a terminal'],
    '',
  )
  assert.match(tty.stdout, /a terminal/)
})

test('limits can be changed while it runs', async () => {
  const linux = LinuxContainerResources.create({ memoryLimitInBytes: 64n << 20n, cpuShares: 512n })
  await runtime.updateContainerResources({ containerId, linux })
  const { status } = await runtime.containerStatus({ containerId, verbose: false })
  assert.is(status?.resources?.linux?.memoryLimitInBytes ?? 64n << 20n, 64n << 20n)
  const limit = 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max'
  assert.is(await workloads.exec(containerId, 'sh', '-c', limit), `${64 << 20}\n`)
})

test('a program that is not there fails the start, which names it', async () => {
  const config = containerConfig('missing', { command: ['/no/such/program'] })
  const started = await workloads.runContainer(podSandboxId, config, pod).then(() => '', String)
  assert.match(started, /\/no\/such\/program[\s\S]*no such file or directory/)
})

test('figures of a running container are there', async () => {
  const { stats } = await runtime.containerStats({ containerId })
  assert.ok((stats?.memory?.workingSetBytes?.value ?? 0n) > 0n)
})

test('a stopped container ends by its signal, or is killed', async () => {
  const traps = scriptConfig('traps', 'trap "exit 11" TERM; echo ready; while :; do sleep 0.05; done')
  const polite = await workloads.runContainer(podSandboxId, traps, pod)
  await waitFor('it traps', async () => (await crictl(socket, ['logs', polite])).stdout.includes('ready'))
  await runtime.stopContainer({ containerId: polite, timeout: 10n })
  assert.is((await workloads.status(polite)).exitCode, 11)
  await runtime.stopContainer({ containerId, timeout: 0n })
  assert.is((await workloads.status(containerId)).exitCode, 137)
})

test('many containers run at once, each to its own end', async () => {
  const runs = Array.from({ length: 8 }, (_, n) =>
    workloads.runToEnd(podSandboxId, scriptConfig(`many-${n}`, `exit ${n}`), pod),
  )
  assert.equal(
    (await Promise.all(runs)).map(({ status }) => status.exitCode),
    [0, 1, 2, 3, 4, 5, 6, 7],
  )
})

test('after the pod is removed nothing of it is left on the host', async () => {
  await workloads.removePod(podSandboxId)
  await waitFor('its cgroups and mounts are gone', async () => {
    // The pod's parent cgroup is the kubelet's, who is not here; below it each has its id for a name.
    const left = await daemon.traces()
    return !left.some((trace) => /^(mount|cgroup) .*[0-9a-f]{64}/.test(trace))
  })
})

test.run()
