// SPDX-License-Identifier: Apache-2.0
import { writeFile } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ContainerState, PodSandboxState } from '../../cri-proto/index.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { GantrydProcess } from '../harness/gantryd-process.ts'
import { removeNatRules } from '../harness/nat-rules.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { idleConfig, networkedPodConfig, readLog, scriptConfig } from '../harness/workloads.ts'

const daemon = await DaemonUnderTest.start({ network: 'bridge', pull: [IMAGES.busybox] })
const { workloads, place } = daemon
const { runtime } = daemon.client
const PODS = 10

test.after(() => daemon[Symbol.asyncDispose]())

interface Writer {
  readonly pod: string
  readonly container: string
  readonly pid: number
  readonly config: ReturnType<typeof networkedPodConfig>
}

/** Writes numbered lines as fast as it can for a while, then once in a while. */
const WRITE = 'n=0; while :; do n=$((n+1)); echo line $n; [ $n -gt 2000 ] && sleep 0.01; done'

async function pidOf(containerId: string): Promise<number> {
  const { info } = await runtime.containerStatus({ containerId, verbose: true })
  return (JSON.parse(info['info'] ?? '{}') as { pid: number }).pid
}

async function startWriter(): Promise<Writer> {
  const config = networkedPodConfig(place, workloads.name('writer'))
  const pod = await workloads.runPod(config)
  const container = await workloads.runContainer(pod, scriptConfig('main', WRITE), config)
  return { pod, container, pid: await pidOf(container), config }
}

/** How far a writer is; every line before must be there, in order. */
async function lastLine({ container }: Writer): Promise<number> {
  const lines = await readLog((await workloads.status(container)).logPath)
  lines.forEach(({ content }, at) => {
    if (content !== `line ${at + 1}`) throw new Error(`line ${at + 1} is ${JSON.stringify(content)}`)
  })
  return lines.length
}

test('ten pods live through kill -9 of the daemon, with every log line', async () => {
  const writers = await Promise.all(Array.from({ length: PODS }, startWriter))
  const { items: before } = await runtime.listPodSandbox({})
  const paths = await Promise.all(writers.map(async ({ container }) => (await workloads.status(container)).logPath))
  await daemon.kill('SIGKILL')
  const lengths = await Promise.all(paths.map(async (path) => (await readLog(path)).length))
  await waitFor('all write on without the daemon', async () => {
    const now = await Promise.all(paths.map(async (path) => (await readLog(path)).length))
    return now.every((length, at) => length > (lengths[at] ?? 0) + 10)
  })
  await daemon.restart()
  const { items: after } = await runtime.listPodSandbox({})
  const sorted = (items: typeof before) => [...items].sort((a, b) => (a.id < b.id ? -1 : 1))
  assert.equal(sorted(after), sorted(before))
  for (const writer of writers) {
    assert.is(await pidOf(writer.container), writer.pid, 'it is the same process')
    const reached = await lastLine(writer)
    await waitFor('it writes on', async () => (await lastLine(writer)) > reached)
    assert.match(await workloads.exec(writer.container, 'echo', 'well'), /well/)
  }
  for (const { pod } of writers) await workloads.removePod(pod)
  await daemon.expectNoTraces()
})

test('a container that ends while the daemon is down is reported with its exit code and the time of its end', async () => {
  const config = networkedPodConfig(place, workloads.name('ends'))
  const pod = await workloads.runPod(config)
  // Both wait for a sign in the pod's /dev/shm, which the host can give without the daemon.
  const script = (code: string) => `echo up; while [ ! -e /dev/shm/go ]; do sleep 0.02; done; echo bye; ${code}`
  const plain = await workloads.runContainer(pod, scriptConfig('plain', script('exit 42')), config)
  const killed = await workloads.runContainer(pod, scriptConfig('killed', 'sleep 3600 & wait'), config)
  const signaller = await workloads.runContainer(pod, idleConfig('signaller'), config)
  const pids = { killed: await pidOf(killed), signaller: await pidOf(signaller) }
  const { logPath } = await workloads.status(plain)
  await daemon.kill('SIGKILL')
  const before = BigInt(Date.now()) * 1_000_000n
  await writeFile(`/proc/${pids.signaller}/root/dev/shm/go`, '')
  process.kill(pids.killed, 'SIGKILL')
  await waitFor('it says goodbye', async () => (await readLog(logPath)).at(-1)?.content === 'bye')
  await waitFor('the other is gone', async () => !(await isAlive(pids.killed)))
  const after = BigInt(Date.now() + 1) * 1_000_000n
  await daemon.restart()
  const [ended, shot] = [await workloads.waitForExit(plain), await workloads.status(killed)]
  assert.equal([ended.exitCode, ended.reason], [42, 'Error'])
  assert.ok(
    ended.finishedAt >= before && ended.finishedAt <= after + 100_000_000n,
    `${before} ${ended.finishedAt} ${after}`,
  )
  assert.equal([shot.state, shot.exitCode], [ContainerState.CONTAINER_EXITED, 137])
  assert.ok(shot.finishedAt >= before && shot.finishedAt <= after, `${before} ${shot.finishedAt} ${after}`)
  assert.is((await workloads.status(signaller)).state, ContainerState.CONTAINER_RUNNING)
  await workloads.removePod(pod)
  await daemon.expectNoTraces()
})

async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('SIGTERM leaves containers running and ends the daemon with 0', async () => {
  const writer = await startWriter()
  assert.equal(await daemon.kill('SIGTERM'), { code: 0, signal: null })
  assert.ok(await isAlive(writer.pid))
  await daemon.restart()
  assert.is((await workloads.status(writer.container)).state, ContainerState.CONTAINER_RUNNING)
  assert.is(await pidOf(writer.container), writer.pid)
  const reached = await lastLine(writer)
  await waitFor('it writes on', async () => (await lastLine(writer)) > reached)
  await workloads.removePod(writer.pod)
})

test('labels, annotations, times and addresses are the same after a restart', async () => {
  const config = networkedPodConfig(place, workloads.name('kept'), { labels: { a: 'ä' }, annotations: { b: '"' } })
  const pod = await workloads.runPod(config)
  const container = await workloads.runContainer(pod, idleConfig('main', { labels: { c: 'd' } }), config)
  const { containerId: created } = await runtime.createContainer({
    podSandboxId: pod,
    config: idleConfig('created'),
    sandboxConfig: config,
  })
  const look = async () => [
    (await runtime.podSandboxStatus({ podSandboxId: pod, verbose: false })).status,
    await workloads.status(container),
    await workloads.status(created),
    (await runtime.listContainers({})).containers.sort((a, b) => (a.id < b.id ? -1 : 1)),
    (await daemon.client.image.listImages({})).images,
  ]
  const before = await look()
  await daemon.kill('SIGKILL')
  await daemon.restart()
  assert.equal(await look(), before)
  await runtime.startContainer({ containerId: created })
  await workloads.removePod(pod)
})

test('a pod whose keeper was killed is not ready, its containers are ended, and the next attempt runs', async () => {
  const config = networkedPodConfig(place, workloads.name('lost'))
  const pod = await workloads.runPod(config)
  const container = await workloads.runContainer(pod, scriptConfig('main', 'sleep 3600 & wait'), config)
  const pid = await pidOf(container)
  process.kill(await keeperOf(pod), 'SIGKILL')
  const status = await workloads.waitForExit(container)
  assert.ok(status.exitCode !== 0 && status.finishedAt > 0n && status.message !== '', status.message)
  await waitFor('its process is gone', async () => !(await isAlive(pid)))
  const seen = await runtime.podSandboxStatus({ podSandboxId: pod, verbose: false })
  assert.is(seen.status?.state, PodSandboxState.SANDBOX_NOTREADY)
  await runtime.stopPodSandbox({ podSandboxId: pod })
  await runtime.removePodSandbox({ podSandboxId: pod })
  await daemon.expectNoTraces()
})

async function keeperOf(podSandboxId: string): Promise<number> {
  const { info } = await runtime.podSandboxStatus({ podSandboxId, verbose: true })
  return (JSON.parse(info['info'] ?? '{}') as { pid: number }).pid
}

test('a keeper that is killed while the daemon is down is noticed at the start', async () => {
  const config = networkedPodConfig(place, workloads.name('both'))
  const pod = await workloads.runPod(config)
  const container = await workloads.runContainer(pod, idleConfig('main'), config)
  const [keeper, pid] = [await keeperOf(pod), await pidOf(container)]
  await daemon.kill('SIGKILL')
  process.kill(keeper, 'SIGKILL')
  await waitFor('the kernel has killed its containers', async () => !(await isAlive(pid)))
  await daemon.restart()
  const { status } = await runtime.podSandboxStatus({ podSandboxId: pod, verbose: false })
  assert.is(status?.state, PodSandboxState.SANDBOX_NOTREADY)
  assert.is((await workloads.status(container)).state, ContainerState.CONTAINER_EXITED)
  await workloads.removePod(pod)
  // The network namespace went with its two holders. The bridge plugin finds the address to take out of NAT there only.
  await removeNatRules(daemon.marks.bridge)
  await daemon.expectNoTraces()
})

test('a pod whose keeper is lost while a command runs in it answers the command', async () => {
  const config = networkedPodConfig(place, workloads.name('exec'))
  const pod = await workloads.runPod(config)
  const containerId = await workloads.runContainer(pod, idleConfig('main'), config)
  const call = runtime.execSync({ containerId, cmd: ['/bin/sh', '-c', 'echo > /up; sleep 3600'], timeout: 0n })
  const failed = call.then(
    () => 'an answer',
    (error: Error) => error.message,
  )
  await waitFor('the command runs', async () => (await workloads.exec(containerId, 'ls', '/up')) !== '')
  process.kill(await keeperOf(pod), 'SIGKILL')
  assert.not.equal(await failed, 'an answer')
  await workloads.removePod(pod)
})

test('two daemons do not share one socket', async () => {
  const args = [
    `--listen=unix://${daemon.socket}`,
    `--root=${daemon.directory}/other`,
    `--state=${daemon.directory}/other-state`,
  ]
  const second = new GantrydProcess(`${daemon.directory}/second`, daemon.socket, [...args, '--metrics-listen='])
  await second.start().catch(String)
  await waitFor('the second one gives up', () => !second.running)
  assert.match(await second.log(), /another daemon answers there/)
  assert.is((await runtime.version({})).runtimeApiVersion, 'v1')
})

test('after the last pod the daemon ends in order, and nothing of any pod is left on the host', () =>
  daemon[Symbol.asyncDispose]())

test.run()
