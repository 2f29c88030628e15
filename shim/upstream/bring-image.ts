// SPDX-License-Identifier: Apache-2.0
import { CreateContainerRequest, ImageStatusRequest, ImageStatusResponse } from '../../cri-proto/index.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import type { Images } from '../image/index.ts'
import { ask, type UpstreamRequest } from './call.ts'
import type { UpstreamConnection } from './connection.ts'
import { without } from './raw.ts'

const IMAGE_STATUS = '/runtime.v1.ImageService/ImageStatus'
const IMAGE_ID = /^(sha256:)?([0-9a-f]{64})$/

/** An image that a container needs, and how its user calls it. */
interface Wanted {
  readonly name: string
  readonly userName: string
}

/**
 * Before CreateContainer: images that were pulled into the other store, because nobody could know for whom, are pulled
 * into ours. By digest where the other store knows one, so that both have the same; without credentials, which are not
 * in this request.
 *
 * @throws GantryError that names the image and says why it could not be brought
 */
export async function bringImages(
  images: Images,
  upstream: UpstreamConnection,
  request: UpstreamRequest,
): Promise<void> {
  const { config } = CreateContainerRequest.decode(request.message)
  const specs = [config?.image, ...(config?.mounts ?? []).map(({ image }) => image)]
  for (const spec of specs) {
    const name = spec?.image ?? ''
    if (name === '' || images.status(name) !== undefined) continue
    await bring(images, upstream, request, { name, userName: spec?.userSpecifiedImage ?? '' })
  }
}

async function bring(
  images: Images,
  upstream: UpstreamConnection,
  request: UpstreamRequest,
  wanted: Wanted,
): Promise<void> {
  const id = IMAGE_ID.exec(wanted.name)?.[2]
  try {
    const reference = await referenceOf(upstream, request, wanted)
    const record = await images.pull({ reference, signal: request.signal })
    if (id === undefined || record.id.endsWith(id)) return
    throw new GantryError('failed_precondition', {
      action: 'use',
      subject: reference,
      reason: `it is ${record.id} now`,
    })
  } catch (cause) {
    throw new GantryError(cause instanceof GantryError ? cause.code : 'internal', {
      action: 'bring image',
      subject: wanted.name,
      reason: 'it is not in the store of this runtime',
      hint: 'imagePullPolicy Always pulls it for this pod, with its credentials',
      cause,
    })
  }
}

async function referenceOf(
  upstream: UpstreamConnection,
  request: UpstreamRequest,
  { name, userName }: Wanted,
): Promise<string> {
  // What is asked for by a name must be found by it afterwards.
  if (!IMAGE_ID.test(name)) return name
  const theirs = await theirImage(upstream, request, name)
  const known = theirs?.repoDigests[0] ?? theirs?.repoTags[0] ?? userName
  if (known !== '') return known
  throw new GantryError('not_found', { action: 'find image', subject: name, reason: 'neither runtime knows its name' })
}

async function theirImage(upstream: UpstreamConnection, request: UpstreamRequest, name: string) {
  const renamed = request.headers.map((value, at) => (request.headers[at - 1] === ':path' ? IMAGE_STATUS : value))
  const message = Buffer.from(
    ImageStatusRequest.encode(ImageStatusRequest.fromPartial({ image: { image: name } })).finish(),
  )
  const answer = await ask(upstream, { ...request, headers: without(renamed, 'grpc-timeout'), message })
  return answer.code === 0 ? ImageStatusResponse.decode(answer.message).image : undefined
}
