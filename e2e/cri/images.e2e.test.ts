// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DaemonUnderTest, imageSpec } from '../harness/daemon.ts'
import { expectFailure } from '../harness/expect-failure.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { containerConfig, podConfig, scriptConfig } from '../harness/workloads.ts'

const daemon = await DaemonUnderTest.start({ network: 'none', flags: { 'pinned-images': '*/pause:*' } })
const { workloads, place } = daemon
const { runtime, image } = daemon.client

test.after(() => daemon[Symbol.asyncDispose]())

const statusOf = async (reference: string) => (await image.imageStatus({ image: imageSpec(reference) })).image
const remove = (reference: string) => image.removeImage({ image: imageSpec(reference) })

async function listed(id: string) {
  const { images } = await image.listImages({})
  const found = images.filter((one) => one.id === id)
  assert.ok(found.length <= 1, 'an image is listed once')
  return found[0]
}

test('an unknown image has no status, which is no error', async () => {
  assert.is(await statusOf('registry.local/never/heard:1'), undefined)
})

test('a pulled image is listed and found at once, by every form of its name', async () => {
  const id = await daemon.pull(IMAGES.busybox)
  const byTag = await statusOf(IMAGES.busybox)
  assert.is(byTag?.id, id)
  assert.equal(byTag?.repoTags, [IMAGES.busybox])
  assert.is(byTag?.repoDigests.length, 1)
  assert.ok((byTag?.size ?? 0n) > 0n)
  for (const form of [id, id.replace('sha256:', ''), byTag?.repoDigests[0] ?? ''])
    assert.equal(await statusOf(form), byTag)
  assert.equal(await listed(id), byTag)
})

test('pulling what is there gives the same id', async () => {
  assert.is(await daemon.pull(IMAGES.busybox), await daemon.pull(IMAGES.busybox))
})

test('an image pulled by digest has no tag and one digest', async () => {
  await daemon.pull(IMAGES.tagged)
  const digest = (await statusOf(IMAGES.tagged))?.repoDigests[0] ?? ''
  await remove(IMAGES.tagged)
  const id = await daemon.pull(digest)
  const status = await statusOf(digest)
  assert.equal([status?.id, status?.repoTags, status?.repoDigests], [id, [], [digest]])
  await remove(id)
})

test('two names of one content are one image with two tags', async () => {
  const [first, second] = [await daemon.pull(IMAGES.tagged), await daemon.pull(IMAGES.taggedToo)]
  assert.is(first, second)
  assert.equal([...((await listed(first))?.repoTags ?? [])].sort(), [IMAGES.tagged, IMAGES.taggedToo].sort())
})

test('one content in two registries is one image with the names and digests of both', async () => {
  const [here, there] = [await daemon.pull(IMAGES.tagged), await daemon.pull(IMAGES.taggedElsewhere)]
  assert.is(here, there)
  const status = await statusOf(here)
  assert.ok([IMAGES.tagged, IMAGES.taggedElsewhere].every((tag) => status?.repoTags.includes(tag)))
  const names = status?.repoDigests.map((text) => text.split('@')[0] ?? '').sort()
  assert.equal(names, [IMAGES.taggedElsewhere, IMAGES.tagged].map((tag) => tag.slice(0, tag.lastIndexOf(':'))).sort())
  assert.is(new Set(status?.repoDigests.map((text) => text.split('@')[1])).size, 1)
  for (const digest of status?.repoDigests ?? []) assert.equal(await statusOf(digest), status)
  await remove(IMAGES.taggedElsewhere)
  assert.equal([await statusOf(IMAGES.tagged), await listed(here)], [undefined, undefined])
})

test('a list may be asked for one image', async () => {
  if (daemon.isPeer) return
  const id = await daemon.pull(IMAGES.busybox)
  await daemon.pull(IMAGES.configured)
  const ids = async (reference: string) => {
    const { images } = await image.listImages({ filter: { image: imageSpec(reference) } })
    return images.map((one) => one.id)
  }
  assert.equal(await ids(IMAGES.busybox), [id])
  assert.equal(await ids(id), [id])
  assert.equal(await ids('registry.local/never/heard:1'), [])
})

test('a streamed list has each image once, as the list has it', async () => {
  if (daemon.isPeer) return
  const streamed = []
  for await (const { images } of image.streamImages({})) streamed.push(...images)
  assert.equal(streamed, (await image.listImages({})).images)
  const chosen = []
  for await (const { images } of image.streamImages({ filter: { image: imageSpec(IMAGES.busybox) } })) {
    chosen.push(...images.map(({ repoTags }) => repoTags[0]))
  }
  assert.equal(chosen, [IMAGES.busybox])
})

test('verbose status gives the configuration of the image', async () => {
  await daemon.pull(IMAGES.configured)
  const { info } = await image.imageStatus({ image: imageSpec(IMAGES.configured), verbose: true })
  const { imageSpec: spec } = JSON.parse(info['info'] ?? '{}')
  assert.equal([spec.config.User, spec.config.WorkingDir], ['app', '/work'])
  assert.equal((await image.imageStatus({ image: imageSpec(IMAGES.configured) })).info, {})
})

test('an image that the node wants to keep is pinned, and may be removed all the same', async () => {
  if (daemon.isPeer) return
  const id = await daemon.pull(IMAGES.pause)
  assert.equal([(await statusOf(id))?.pinned, (await statusOf(IMAGES.configured))?.pinned], [true, false])
  await remove(IMAGES.pause)
  assert.is(await statusOf(id), undefined)
})

test('removing an image by one name removes all its names', async () => {
  const id = await daemon.pull(IMAGES.tagged)
  await daemon.pull(IMAGES.taggedToo)
  await remove(IMAGES.taggedToo)
  assert.equal([await listed(id), await statusOf(IMAGES.tagged), await statusOf(id)], [undefined, undefined, undefined])
})

test('removing an image that is not there is a success', async () => {
  await remove('registry.local/never/heard:1')
  await remove(`sha256:${'0'.repeat(64)}`)
})

test('the user of an image is a number or a name', async () => {
  await daemon.pull(IMAGES.configured)
  const named = await statusOf(IMAGES.configured)
  assert.equal([named?.username, named?.uid], ['app', undefined])
  const none = await statusOf(IMAGES.busybox)
  assert.equal([none?.username, none?.uid], ['', undefined])
})

test('many callers pull one image at the same time, and all get it', async () => {
  const ids = await Promise.all(Array.from({ length: 10 }, () => daemon.pull(IMAGES.layered)))
  assert.is(new Set(ids).size, 1)
  assert.ok(await listed(ids[0] ?? ''))
})

test('images with shared layers are pulled at the same time', async () => {
  const ids = await Promise.all(IMAGES.victims.map((name) => daemon.pull(name)))
  assert.is(new Set(ids).size, IMAGES.victims.length)
  await Promise.all(ids.map(remove))
  assert.is(await statusOf(IMAGES.victims[0] ?? ''), undefined)
})

test('a file that an upper layer removes is not in the container', async () => {
  await daemon.pull(IMAGES.layered)
  const pod = podConfig(place, 'layers')
  const id = await workloads.runPod(pod)
  const { stdout } = await workloads.runToEnd(
    id,
    scriptConfig('ls', 'ls /lower /upper', { image: imageSpec(IMAGES.layered) }),
    pod,
  )
  assert.is(stdout, '/upper\n\n/lower:\nkept\n')
  await workloads.removePod(id)
})

test('removing an image does not disturb a container that uses it', async () => {
  await daemon.pull(IMAGES.layered)
  const pod = podConfig(place, 'in-use')
  const podSandboxId = await workloads.runPod(pod)
  const config = containerConfig('main', { image: imageSpec(IMAGES.layered), command: ['/bin/sleep', '3600'] })
  const containerId = await workloads.runContainer(podSandboxId, config, pod)
  await remove(IMAGES.layered)
  assert.is(await workloads.exec(containerId, 'cat', '/upper'), 'upper\n')
  assert.is((await workloads.status(containerId)).state, 1)
  await workloads.removePod(podSandboxId)
  const again = await daemon.pull(IMAGES.layered)
  assert.ok(await listed(again))
})

test('a container needs an image that is there: nothing is pulled behind the kubelet’s back', async () => {
  await remove(IMAGES.setUid)
  const pod = podConfig(place, 'absent')
  const podSandboxId = await workloads.runPod(pod)
  const config = containerConfig('main', { image: imageSpec(IMAGES.setUid) })
  const call = runtime.createContainer({ podSandboxId, config, sandboxConfig: pod })
  await expectFailure(call, ['NOT_FOUND', 'UNKNOWN'], IMAGES.setUid)
  await workloads.removePod(podSandboxId)
})

test('the image file system says where it is and how much it holds', async () => {
  const { imageFilesystems } = await image.imageFsInfo({})
  const [info] = imageFilesystems
  assert.ok(info?.fsId?.mountpoint.startsWith(daemon.directory), info?.fsId?.mountpoint)
  if (daemon.isPeer) return
  assert.ok((info?.usedBytes?.value ?? 0n) > 0n && (info?.inodesUsed?.value ?? 0n) > 0n && (info?.timestamp ?? 0n) > 0n)
})

test('an empty reference and one that is none are refused by name', async () => {
  await expectFailure(image.pullImage({ image: imageSpec('') }), ['INVALID_ARGUMENT', 'UNKNOWN'])
  const text = 'Registry.Local/UPPER CASE'
  await expectFailure(image.pullImage({ image: imageSpec(text) }), ['INVALID_ARGUMENT', 'UNKNOWN'], text)
})

test('after the last pod the daemon ends in order, and nothing of any pod is left on the host', () =>
  daemon[Symbol.asyncDispose]())

test.run()
