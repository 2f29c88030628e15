// SPDX-License-Identifier: Apache-2.0
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { PodSandboxState } from '../../cri-proto/index.ts'
import { DaemonUnderTest, imageSpec } from '../harness/daemon.ts'
import { seededRandom, suiteSeed } from '../harness/seeded-random.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { idleConfig, networkedPodConfig } from '../harness/workloads.ts'

const daemon = await DaemonUnderTest.start({ network: 'bridge', pull: [IMAGES.busybox] })
const { workloads, place } = daemon
const { runtime, image } = daemon.client
const seed = suiteSeed()
const random = seededRandom(seed)
const digests = new Set<string>()

test.after(() => daemon[Symbol.asyncDispose]())

/**
 * Begins `work`, kills the daemon at a random moment up to `spanMs` later, and starts it again. The moment is random on
 * purpose, and the only wait of this suite that is for a time rather than for an event.
 */
async function killAmid(work: () => Promise<unknown>, spanMs: number): Promise<string> {
  const outcome = work().then(
    () => 'done',
    () => 'cut off',
  )
  await delay(random() * spanMs)
  await daemon.kill('SIGKILL')
  const result = await outcome
  await daemon.restart()
  return result
}

/** What is in the directories of pods and containers. */
async function leftFiles(): Promise<string[]> {
  const list = (directory: string) => readdir(directory).catch(() => [])
  const [pods, containers] = await Promise.all([
    list(join(daemon.state, 'pods')),
    list(join(daemon.root, 'containers')),
  ])
  return [...pods, ...containers]
}

async function expectEmpty(): Promise<void> {
  assert.equal((await runtime.listPodSandbox({})).items, [])
  assert.equal((await runtime.listContainers({})).containers, [])
  await waitFor('no directory of a pod is left', async () => (await leftFiles()).length === 0, 5_000).catch(
    async () => {
      assert.equal(await leftFiles(), [])
    },
  )
  await daemon.expectNoTraces()
}

/** Rounds of one kind; the round and the seed are in the message of a failure. */
async function rounds(count: number, round: () => Promise<unknown>): Promise<void> {
  for (let n = 1; n <= count; n++) {
    await round().catch((error: unknown) => {
      const said = error instanceof Error ? (error.stack ?? error.message) : String(error)
      throw new Error(`round ${n} with GANTRY_E2E_SEED=${seed}: ${said}`)
    })
  }
}

test('killed amid RunPodSandbox: the pod is whole or gone, and the kubelet’s retry gets one', () =>
  rounds(15, async () => {
    const config = networkedPodConfig(place, workloads.name('run'))
    const before = await killAmid(() => workloads.runPod(config), 120)
    const { items } = await runtime.listPodSandbox({})
    assert.ok(items.length <= 1)
    if (before === 'done') assert.is(items[0]?.state, PodSandboxState.SANDBOX_READY)
    const id = await workloads.runPod(config)
    const container = await workloads.runContainer(id, idleConfig('main'), config)
    assert.is(await workloads.exec(container, 'echo', 'well'), 'well\n')
    await workloads.removePod(id)
    await expectEmpty()
  }))

test('killed amid CreateContainer and StartContainer: a retry goes on where it was', () =>
  rounds(15, async () => {
    const config = networkedPodConfig(place, workloads.name('create'))
    const podSandboxId = await workloads.runPod(config)
    const container = idleConfig('main')
    await killAmid(() => workloads.runContainer(podSandboxId, container, config), 15)
    const { containers } = await runtime.listContainers({})
    assert.ok(containers.length <= 1)
    const existing = containers[0]
    if (existing === undefined) await workloads.runContainer(podSandboxId, container, config)
    else if (existing.state === 0) await runtime.startContainer({ containerId: existing.id })
    const [now] = (await runtime.listContainers({})).containers
    assert.is(now?.state, 1)
    assert.is(await workloads.exec(now?.id ?? '', 'echo', 'well'), 'well\n')
    await workloads.removePod(podSandboxId)
    await expectEmpty()
  }))

test('killed amid StopPodSandbox and RemovePodSandbox: a retry finishes it', () =>
  rounds(12, async () => {
    const config = networkedPodConfig(place, workloads.name('stop'))
    const podSandboxId = await workloads.runPod(config)
    await workloads.runContainer(podSandboxId, idleConfig('main'), config)
    await killAmid(() => workloads.removePod(podSandboxId), 120)
    await workloads.removePod(podSandboxId)
    await expectEmpty()
  }))

test('killed amid PullImage: the image is whole or not there, and the next pull works', () =>
  rounds(8, async () => {
    await killAmid(() => daemon.pull(IMAGES.large), 400)
    const { image: found } = await image.imageStatus({ image: imageSpec(IMAGES.large) })
    const id = await daemon.pull(IMAGES.large)
    if (found !== undefined) assert.is(found.id, id)
    const config = networkedPodConfig(place, workloads.name('pulled'))
    const pod = await workloads.runPod(config)
    const check = idleConfig('main', { image: imageSpec(IMAGES.large), command: ['/bin/sha256sum', '/noise'] })
    const { stdout, status } = await workloads.runToEnd(pod, check, config)
    assert.is(status.exitCode, 0)
    assert.match(stdout, /^[0-9a-f]{64} {2}\/noise\n$/)
    digests.add(stdout)
    await workloads.removePod(pod)
    assert.is(digests.size, 1, 'every pull gives the same bytes')
    await image.removeImage({ image: imageSpec(IMAGES.large) })
    await expectEmpty()
  }))

test('killed again and again amid everything at once: every object can be removed', () =>
  rounds(5, async () => {
    const configs = Array.from({ length: 6 }, () => networkedPodConfig(place, workloads.name('all')))
    const work = () =>
      Promise.allSettled(
        configs.map(async (config) => {
          const pod = await workloads.runPod(config)
          await workloads.runContainer(pod, idleConfig('main'), config)
          await workloads.removePod(pod)
        }),
      )
    await killAmid(work, 600)
    await workloads.removeAllPods()
    await expectEmpty()
  }))

test('after the last pod the daemon ends in order, and nothing of any pod is left on the host', () =>
  daemon[Symbol.asyncDispose]())

test.run()
