// SPDX-License-Identifier: Apache-2.0
import type { Mount } from '../../cri-proto/index.ts'
import { GantryError, messageOf } from '../../runtime-core/errors.ts'
import type { RuntimeNode } from '../node/node.ts'
import type { MountSource } from '../translate/mounts.ts'
import type { ContainerRecord } from './container.ts'

/** The kubelet looks for this word, and shows it as the reason. */
const KUBELET_REASON = 'ImageVolumeMountFailed'

/** The container needs the layers of its image, and of those that are its volumes, from now on. */
export function retainLayers(node: RuntimeNode, { id, chain, volumeChains }: ContainerRecord): void {
  node.images.retain(chain, id)
  for (const [index, volume] of volumeChains.entries()) node.images.retain(volume, volumeHolder(id, index))
}

/** It needs them no more. */
export async function releaseLayers(node: RuntimeNode, { id, volumeChains }: ContainerRecord): Promise<void> {
  await node.images.release(id)
  for (const index of volumeChains.keys()) await node.images.release(volumeHolder(id, index))
}

function volumeHolder(containerId: string, index: number): string {
  return `${containerId}.volume-${index}`
}

/** The images that a container mounts as volumes, as the keys of their layers, in the order of the mounts. */
export function imageVolumeChains(node: RuntimeNode, mounts: readonly Mount[]): (readonly string[])[] {
  return mounts.flatMap((mount) => (mount.image === undefined ? [] : [imageOf(node, mount).chain]))
}

/**
 * Where an image as a volume is on the node (CRI, Mount.image): the directories of its layers, or of a path in them.
 *
 * @throws GantryError `failed_precondition` with the reason the kubelet knows, for an image that was not pulled and a
 * path that is no directory of it.
 */
export async function imageMountSource(node: RuntimeNode, mount: Mount): Promise<MountSource> {
  const image = imageOf(node, mount)
  const lowerdirs = await node.images.directories(image, mount.imageSubPath)
  const [hostPath] = lowerdirs ?? []
  if (lowerdirs === undefined || hostPath === undefined) {
    throw refuse(mount, `image_sub_path "${mount.imageSubPath}" is not a directory of the image`)
  }
  return { hostPath, lowerdirs }
}

function imageOf(node: RuntimeNode, mount: Mount) {
  try {
    return node.images.resolve(mount.image?.image ?? '')
  } catch (error) {
    throw refuse(mount, messageOf(error), error)
  }
}

function refuse(mount: Mount, reason: string, cause?: unknown): GantryError {
  return new GantryError('failed_precondition', {
    action: `${KUBELET_REASON}: mount image "${mount.image?.image ?? ''}" on`,
    subject: mount.containerPath,
    reason,
    ...(cause === undefined ? {} : { cause }),
  })
}
