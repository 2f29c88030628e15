// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  ImageFsInfoResponse,
  ImageSpec,
  ImageStatusResponse,
  ListImagesResponse,
  PodSandboxConfig,
  PullImageResponse,
} from '../../cri-proto/index.ts'
import { TwoRuntimes } from './testing/bench-of-two.ts'

const OURS = 'a'.repeat(64)
const SEEN = 'kubernetes.io/config.seen'

type List = Parameters<typeof ListImagesResponse.fromPartial>[0]['images']

function images(...ids: string[]): List {
  return ids.map((id) => ({ id, repoTags: [`tag-of-${id}`] }))
}

function encoded(list: List): Buffer {
  return Buffer.from(ListImagesResponse.encode(ListImagesResponse.fromPartial({ images: list ?? [] })).finish())
}

/** Both have images; each tells by the reference who was asked to pull. */
async function start(): Promise<TwoRuntimes & { removed: string[] }> {
  const removed: string[] = []
  const two = await TwoRuntimes.start({
    image: {
      listImages: () => ListImagesResponse.fromPartial({ images: images('sha256:both', 'ours') ?? [] }),
      streamImages: () => [ListImagesResponse.fromPartial({ images: images('sha256:both', 'ours') ?? [] })],
      imageStatus: () => ImageStatusResponse.fromPartial({ image: { id: 'ours' } }),
      pullImage: () => ({ imageRef: 'ours' }),
      removeImage: ({ image }) => {
        removed.push(image?.image ?? '')
        return {}
      },
      imageFsInfo: () =>
        ImageFsInfoResponse.fromPartial({
          imageFilesystems: [{ fsId: { mountpoint: '/ours' } }],
          containerFilesystems: [{ fsId: { mountpoint: '/ours' } }],
        }),
    },
  })
  two.upstream.on('PullImage', () => ({
    messages: [Buffer.from(PullImageResponse.encode({ imageRef: 'theirs' }).finish())],
  }))
  two.upstream.on('RemoveImage', () => ({}))
  return Object.assign(two, { removed })
}

function sandboxConfig(id: string, annotations: Record<string, string> = {}): PodSandboxConfig {
  return PodSandboxConfig.create({
    metadata: { name: id, uid: `uid-${id}`, namespace: 'test', attempt: 0 },
    annotations,
  })
}

test('an image that both have is listed once, as they have it; then come those that only we have', async () => {
  await using two = await start()
  const theirs = encoded(images('both', 'theirs'))
  two.upstream.on('ListImages', () => ({ messages: [theirs] }))
  two.upstream.on('StreamImages', () => ({ messages: [encoded(images('theirs')), encoded(images('both'))] }))
  const list = await two.call('/runtime.v1.ImageService/ListImages', Buffer.alloc(0))
  assert.equal(list.messages, [Buffer.concat([theirs, encoded(images('ours'))])])
  const stream = await two.call('/runtime.v1.ImageService/StreamImages', Buffer.alloc(0))
  assert.equal(stream.messages.slice(2), [encoded(images('ours'))])
})

test('a pull goes to the store of the runtime that runs the pod it is for', async () => {
  await using two = await start()
  two.addPod(OURS, 'b'.repeat(64))
  const pull = async (image: Partial<ImageSpec>, sandbox?: PodSandboxConfig): Promise<string> => {
    const { imageRef } = await two.client.image.pullImage({
      image: ImageSpec.fromPartial({ image: 'i', ...image }),
      ...(sandbox === undefined ? {} : { sandboxConfig: sandbox }),
    })
    return imageRef
  }
  assert.is(await pull({}, sandboxConfig(OURS)), 'ours')
  assert.is(await pull({}, sandboxConfig('another')), 'theirs')
  assert.is(await pull({ runtimeHandler: 'gantry' }), 'ours')
  assert.is(await pull({ runtimeHandler: 'runc' }, sandboxConfig(OURS)), 'theirs')
  assert.is(await pull({}), 'theirs', 'nobody knows for whom')
})

test('whether an image is there is answered by the runtime of the pod that needs it', async () => {
  await using two = await start()
  two.addPod(OURS, 'b'.repeat(64), { [SEEN]: 'first' })
  const status = async (annotations: Record<string, string>, runtimeHandler = ''): Promise<string | undefined> => {
    const spec = ImageSpec.fromPartial({ image: 'i', annotations, runtimeHandler })
    return (await two.client.image.imageStatus({ image: spec })).image?.id
  }
  two.upstream.on('ImageStatus', () => ({}))
  assert.is(await status({ [SEEN]: 'first' }), 'ours')
  assert.is(await status({ [SEEN]: 'another' }), undefined, 'a pod of theirs must not be told of our store')
  assert.is(await status({}, 'runc'), undefined)
  assert.is(await status({}), 'ours', 'nobody knows who asks, and only we have it')
  const theirs = ImageStatusResponse.encode(ImageStatusResponse.fromPartial({ image: { id: 'theirs' } })).finish()
  two.upstream.on('ImageStatus', () => ({ messages: [Buffer.from(theirs)] }))
  assert.is(await status({}), 'theirs')
  assert.is(await status({ [SEEN]: 'first' }), 'ours')
})

test('a kubelet that was started anew is known by its first pull', async () => {
  await using two = await start()
  two.addPod(OURS, 'b'.repeat(64), { [SEEN]: 'first' })
  two.upstream.on('ImageStatus', () => ({}))
  const status = async (): Promise<string | undefined> => {
    const spec = ImageSpec.fromPartial({ image: 'i', annotations: { [SEEN]: 'second' } })
    return (await two.client.image.imageStatus({ image: spec })).image?.id
  }
  assert.is(await status(), undefined)
  await two.client.image.pullImage({
    image: ImageSpec.fromPartial({ image: 'i' }),
    sandboxConfig: sandboxConfig(OURS, { [SEEN]: 'second' }),
  })
  assert.is(await status(), 'ours')
})

test('an image is removed from both stores', async () => {
  await using two = await start()
  await two.client.image.removeImage({ image: ImageSpec.fromPartial({ image: 'both' }) })
  assert.equal(two.removed, ['both'])
  assert.equal(
    two.upstream.calls.map(({ path }) => path),
    ['/runtime.v1.ImageService/RemoveImage'],
  )
})

test('their file systems come first; where containers write is told only where they tell it', async () => {
  await using two = await start()
  const theirs = { imageFilesystems: [{ fsId: { mountpoint: '/theirs' } }] }
  const answer = (value: Parameters<typeof ImageFsInfoResponse.fromPartial>[0]) => ({
    messages: [Buffer.from(ImageFsInfoResponse.encode(ImageFsInfoResponse.fromPartial(value)).finish())],
  })
  two.upstream.on('ImageFsInfo', () => answer(theirs))
  const short = await two.client.image.imageFsInfo({})
  assert.equal(
    short.imageFilesystems.map(({ fsId }) => fsId?.mountpoint),
    ['/theirs', '/ours'],
  )
  assert.equal(short.containerFilesystems, [])
  two.upstream.on('ImageFsInfo', () => answer({ ...theirs, containerFilesystems: theirs.imageFilesystems }))
  const long = await two.client.image.imageFsInfo({})
  assert.equal(
    long.containerFilesystems.map(({ fsId }) => fsId?.mountpoint),
    ['/theirs', '/ours'],
  )
})

test.run()
