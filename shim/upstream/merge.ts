// SPDX-License-Identifier: Apache-2.0
import { status as grpc } from '@grpc/grpc-js'
import type { CallContext } from '../server/grpc.ts'
import { type Answer, ask, type CallEnd, listen, statusHeaders, type UpstreamRequest } from './call.ts'
import type { UpstreamConnection } from './connection.ts'
import type { LocalMethod } from './local.ts'
import type { Reply } from './reply.ts'
import { fields } from './wire.ts'

/** A call that both runtimes answer. */
export interface SharedCall {
  readonly request: UpstreamRequest
  readonly context: CallContext
  readonly local: Pick<LocalMethod, 'answer' | 'messages'>
  readonly reply: Reply
  readonly upstream: UpstreamConnection
}

/** Of what the node's own runtime does not implement, ours is the answer: nobody takes missing metrics for missing pods. */
export type IfUnimplemented = 'say so' | 'ours alone'

/** What both say to a call. @throws what our own method throws */
export async function askBoth({ request, context, local, upstream }: SharedCall): Promise<[Answer, Buffer]> {
  return Promise.all([ask(upstream, request), local.answer(request.message, context)])
}

/**
 * One list of both: the entries of the node's own runtime as they came, then ours. Messages of repeated fields are joined
 * by joining their bytes (protobuf encoding, "Last One Wins"). If one cannot answer the call fails: a kubelet would take
 * pods that are not listed for pods that are gone.
 */
export async function mergeList(call: SharedCall, ifUnimplemented: IfUnimplemented): Promise<CallEnd> {
  const [theirs, ours] = await askBoth(call)
  if (theirs.code === grpc.UNIMPLEMENTED && ifUnimplemented === 'ours alone') return call.reply.message(ours)
  if (theirs.code !== 0) return call.reply.status(theirs)
  return call.reply.message(Buffer.concat([theirs.message, ours]), theirs)
}

/** A list as a stream: the messages of the node's own runtime as they come, then ours. */
export async function mergeStream(call: SharedCall, ifUnimplemented: IfUnimplemented): Promise<CallEnd> {
  const { request, context, local, reply, upstream } = call
  let isStarted = false
  const send = async (message: Buffer): Promise<void> => {
    if (!isStarted) reply.start()
    isStarted = true
    await reply.send(message, context.signal)
  }
  const theirs = await listen(upstream, request, send)
  const isMissing = theirs.code === grpc.UNIMPLEMENTED && ifUnimplemented === 'ours alone'
  if (theirs.code !== 0 && !isMissing) return reply.status(theirs)
  if (!isStarted) reply.start()
  isStarted = true
  for await (const message of local.messages(request.message, context)) await send(message)
  return reply.finish(isMissing ? { code: 0, trailers: statusHeaders(0, '') } : theirs)
}

/** ImageFsInfoResponse */
const CONTAINER_FILESYSTEMS = 2

/**
 * The file systems of both, those of the node's own runtime first: the kubelet looks at the first. Where that one does
 * not tell apart where containers write, nor do we: a kubelet would take ours for the place of all.
 */
export async function mergeImageFs(call: SharedCall): Promise<CallEnd> {
  const [theirs, ours] = await askBoth(call)
  if (theirs.code !== 0) return call.reply.status(theirs)
  const tellsApart = [...fields(theirs.message)].some(({ number }) => number === CONTAINER_FILESYSTEMS)
  const added = [...fields(ours)].filter(({ number }) => tellsApart || number !== CONTAINER_FILESYSTEMS)
  return call.reply.message(Buffer.concat([theirs.message, ...added.map(({ raw }) => raw)]), theirs)
}

/** UpdateRuntimeConfig: the node's own runtime is asked first, and its answer is the answer. */
export async function updateBoth({ request, context, local, reply, upstream }: SharedCall): Promise<CallEnd> {
  const theirs = await ask(upstream, request)
  if (theirs.code !== 0) return reply.status(theirs)
  await local.answer(request.message, context)
  return reply.message(theirs.message, theirs)
}
