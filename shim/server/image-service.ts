// SPDX-License-Identifier: Apache-2.0
import { Image, type ImageServiceService, type ImageSpec } from '../../cri-proto/index.ts'
import type { ImageRecord } from '../image/index.ts'
import type { RuntimeNode } from '../node/node.ts'
import { toJson } from '../node/view.ts'
import { invalidField } from '../translate/invalid-field.ts'
import { Fragments } from './fragments.ts'
import type { Handlers } from './grpc.ts'

const fragments = new Fragments((record: ImageRecord) => Image.encode(criImage(record)).finish())

/** runtime.v1.ImageService; a method that is not here answers UNIMPLEMENTED. */
export function imageService(node: RuntimeNode): Handlers<typeof ImageServiceService> {
  return {
    listImages: ({ filter }) => fragments.join(listImages(node, filter?.image)),
    streamImages: ({ filter }) => fragments.chunks(listImages(node, filter?.image)),
    imageStatus: ({ image, verbose }) => {
      const record = node.images.status(requireName(image))
      if (record === undefined) return { image: undefined, info: {} }
      const info = { imageSpec: JSON.parse(record.config), chainIDs: record.chain }
      return { image: criImage(record), info: verbose ? { info: toJson(info) } : {} }
    },
    pullImage: async ({ image, auth }, { signal }) => {
      const record = await node.images.pull({
        reference: requireName(image),
        signal,
        ...(auth === undefined ? {} : { auth }),
      })
      return { imageRef: record.id }
    },
    removeImage: async ({ image }) => {
      await node.images.remove(requireName(image))
      return {}
    },
    imageFsInfo: () => {
      const { mountpoint, usedBytes, inodesUsed, timestampMs } = node.images.fsInfo()
      const usage = {
        timestamp: BigInt(Math.trunc(timestampMs)) * 1_000_000n,
        fsId: { mountpoint },
        usedBytes: { value: BigInt(usedBytes) },
        inodesUsed: { value: BigInt(inodesUsed) },
      }
      return { imageFilesystems: [usage], containerFilesystems: [usage] }
    },
  }
}

function requireName(image: ImageSpec | undefined): string {
  const name = image?.image ?? ''
  if (name === '') throw invalidField('image.image', '', 'an image id or reference')
  return name
}

function listImages(node: RuntimeNode, filter: ImageSpec | undefined): ImageRecord[] {
  const name = filter?.image ?? ''
  if (name === '') return node.images.list()
  const one = node.images.status(name)
  return one === undefined ? [] : [one]
}

function criImage(record: ImageRecord): Image {
  return Image.fromPartial({
    id: record.id,
    repoTags: [...record.tags],
    repoDigests: [...record.digests],
    size: BigInt(record.size),
    username: record.username ?? '',
    ...(record.uid === undefined ? {} : { uid: { value: BigInt(record.uid) } }),
    pinned: record.isPinned,
  })
}
