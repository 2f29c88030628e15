// SPDX-License-Identifier: Apache-2.0
import { readdir, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { errnoOf } from '../../runtime-core/errors.ts'
import { DaemonUnderTest, imageSpec } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { idleConfig, podConfig, readLog, scriptConfig } from '../harness/workloads.ts'

const daemon = await DaemonUnderTest.start({ network: 'none', rootSize: '10m', pull: [IMAGES.busybox] })
const { workloads, place } = daemon
const { runtime, image } = daemon.client
const ballast = join(daemon.root, 'ballast')

test.after(() => daemon[Symbol.asyncDispose]())

async function freeBytes(): Promise<number> {
  const { bavail, bsize } = await statfs(daemon.root)
  return bavail * bsize
}

/** Takes every last block of the file system. */
async function fill(): Promise<void> {
  for (let size = 4 * 1024 * 1024, n = 0; size >= 4096; ) {
    try {
      await writeFile(`${ballast}-${n++}`, Buffer.alloc(size), { flag: 'wx' })
    } catch (error) {
      if (errnoOf(error) !== 'ENOSPC') throw error
      size /= 2
    }
  }
  assert.is(await freeBytes(), 0)
}

async function makeRoom(): Promise<void> {
  for (const name of await readdir(daemon.root)) {
    if (name.startsWith('ballast')) await rm(join(daemon.root, name))
  }
}

test('an image that does not fit is RESOURCE_EXHAUSTED, and gives its room back', async () => {
  const before = await freeBytes()
  await expectFailure(
    image.pullImage({ image: imageSpec(IMAGES.large) }),
    ['RESOURCE_EXHAUSTED'],
    IMAGES.large,
    /ENOSPC|space/,
  )
  assert.is((await image.imageStatus({ image: imageSpec(IMAGES.large) })).image, undefined)
  // The data base may have grown by a page or two.
  assert.ok((await freeBytes()) > before - 256 * 1024, `${before} before, ${await freeBytes()} after`)
})

test('a container that fills the disk learns it, and the daemon goes on', async () => {
  const config = podConfig(place, workloads.name('filler'))
  const pod = await workloads.runPod(config)
  const { status, stderr } = await workloads.runToEnd(
    pod,
    scriptConfig('dd', 'dd if=/dev/zero of=/big bs=65536'),
    config,
  )
  assert.is.not(status.exitCode, 0)
  assert.match(stderr, /No space left on device/)
  await workloads.removePod(pod)
  assert.equal((await runtime.listPodSandbox({})).items, [])
})

test('what a container wrote is in the next list of figures, and its space is free when its removal is answered', async () => {
  const config = podConfig(place, workloads.name('writer'))
  const pod = await workloads.runPod(config)
  const before = await freeBytes()
  const container = await workloads.runContainer(pod, idleConfig('main'), config)
  const used = async (): Promise<bigint> => {
    const { stats } = await runtime.listContainerStats({})
    return stats[0]?.writableLayer?.usedBytes?.value ?? -1n
  }
  assert.ok((await used()) >= 0n, 'a container that has just started is measured')
  await workloads.exec(container, 'dd', 'if=/dev/zero', 'of=/big', 'bs=1048576', 'count=4')
  await waitFor('the layer is measured again', async () => (await used()) > 4_000_000n)
  await runtime.removeContainer({ containerId: container })
  const after = await freeBytes()
  // The data base may have grown by a page or two.
  assert.ok(after > before - 256 * 1024, `${before} before, ${after} after`)
  await workloads.removePod(pod)
})

test('on a full disk a running pod goes on, is listed, and its log is complete', async () => {
  const config = podConfig(place, workloads.name('running'))
  const pod = await workloads.runPod(config)
  const container = await workloads.runContainer(
    pod,
    scriptConfig('main', 'n=0; while :; do n=$((n+1)); echo $n; sleep 0.01; done'),
    config,
  )
  await fill()
  try {
    assert.is((await workloads.status(container)).state, 1)
    assert.is(await workloads.exec(container, 'echo', 'well'), 'well\n')
    const lines = await readLog((await workloads.status(container)).logPath)
    assert.ok(lines.every(({ content }, at) => content === String(at + 1)))
  } finally {
    await makeRoom()
  }
  await workloads.removePod(pod)
})

test('on a full disk pods can be stopped and removed, which is what makes room', async () => {
  const config = podConfig(place, workloads.name('removable'))
  const pod = await workloads.runPod(config)
  await workloads.runContainer(pod, idleConfig('main'), config)
  await fill()
  try {
    await workloads.removePod(pod)
    assert.equal((await runtime.listPodSandbox({})).items, [])
  } finally {
    await makeRoom()
  }
  await daemon.expectNoTraces()
})

test('on a full disk new pods are refused or work, and leave nothing either way', async () => {
  await fill()
  try {
    for (let n = 0; n < 5; n++) {
      const config = podConfig(place, workloads.name('new'))
      const made = await workloads.runPod(config).catch((error: Error) => error)
      if (made instanceof Error) assert.match(made.message, /RESOURCE_EXHAUSTED/)
      else await workloads.removePod(made)
    }
    assert.equal((await runtime.listPodSandbox({})).items, [])
  } finally {
    await makeRoom()
  }
  await daemon.expectNoTraces()
})

const endings = [
  ['killed', 'SIGKILL'],
  ['stopped', 'SIGTERM'],
] as const

for (const [word, signal] of endings) {
  test(`a daemon that is ${word} on a full disk starts again, with its pods`, async () => {
    const config = podConfig(place, workloads.name(word))
    const pod = await workloads.runPod(config)
    const container = await workloads.runContainer(pod, idleConfig('main'), config)
    await fill()
    try {
      await daemon.kill(signal)
      await daemon.restart()
      assert.is((await workloads.status(container)).state, 1)
      await workloads.removePod(pod)
    } finally {
      await makeRoom()
    }
    await daemon.expectNoTraces()
  })
}

test('after the last pod the daemon ends in order, and nothing of any pod is left on the host', () =>
  daemon[Symbol.asyncDispose]())

test.run()
