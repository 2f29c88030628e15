// SPDX-License-Identifier: Apache-2.0
import { type CallEnd, listen } from './call.ts'
import { askBoth, type SharedCall, updateBoth } from './merge.ts'
import { contents, fields, textAt } from './wire.ts'

/** `images` of both list answers, `image` of ImageStatusResponse; `id` of Image. */
const IMAGE = 1
const ID = 1

/**
 * ListImages of both: what the node's own runtime has, as it came, then what only we have. An image that both have is
 * there once, by its id: the kubelet's garbage collection counts and removes by id, and RemoveImage removes both.
 */
export async function mergeImages(call: SharedCall): Promise<CallEnd> {
  const [theirs, ours] = await askBoth(call)
  if (theirs.code !== 0) return call.reply.status(theirs)
  const known = new Set(contents(theirs.message, IMAGE).map(idOf))
  return call.reply.message(Buffer.concat([theirs.message, unknownOf(ours, known)]), theirs)
}

/** StreamImages of both, in the same way. */
export async function mergeImageStream(call: SharedCall): Promise<CallEnd> {
  const { request, context, local, reply, upstream } = call
  const known = new Set<string>()
  let isStarted = false
  const send = async (message: Buffer): Promise<void> => {
    if (!isStarted) reply.start()
    isStarted = true
    await reply.send(message, context.signal)
  }
  const theirs = await listen(upstream, request, async (message) => {
    for (const image of contents(message, IMAGE)) known.add(idOf(image))
    await send(message)
  })
  if (theirs.code !== 0) return reply.status(theirs)
  if (!isStarted) reply.start()
  isStarted = true
  for await (const message of local.messages(request.message, context)) {
    const rest = unknownOf(message, known)
    // A streamed list has no message without an item.
    if (rest.length > 0) await send(rest)
  }
  return reply.finish(theirs)
}

/** ImageStatus where nobody knows who asks: the node's own runtime says what it has; where it has nothing, we do. */
export async function firstImageStatus(call: SharedCall): Promise<CallEnd> {
  const [theirs, ours] = await askBoth(call)
  if (theirs.code !== 0) return call.reply.status(theirs)
  const isThere = contents(theirs.message, IMAGE).length > 0
  return call.reply.message(isThere ? theirs.message : ours, theirs)
}

/** RemoveImage from both: what is in use is what neither runtime's containers use, and a missing image is no error. */
export const removeBoth = updateBoth

function unknownOf(list: Buffer, known: ReadonlySet<string>): Buffer {
  const kept = [...fields(list)].filter(({ content }) => content === undefined || !known.has(idOf(content)))
  return Buffer.concat(kept.map(({ raw }) => raw))
}

/** Of one image both peers' ids and ours differ in the algorithm's name at most. */
function idOf(image: Buffer): string {
  return textAt(image, ID).replace(/^sha256:/, '')
}
