// SPDX-License-Identifier: Apache-2.0
import { status as grpc } from '@grpc/grpc-js'
import { GantryError, messageOf } from '../../runtime-core/errors.ts'
import { type CallEnd, listen, statusHeaders } from './call.ts'
import type { SharedCall } from './merge.ts'

/**
 * GetContainerEvents of both, each event when it comes. While the node's own runtime is away our events go on; when it is
 * back the stream ends once with UNAVAILABLE, since what happened meanwhile is in no event: the kubelet lists what there
 * is and subscribes again. A runtime that has no events ends the stream as it does without us: half of the events would
 * be worse than none.
 */
export async function mergeEvents(call: SharedCall): Promise<CallEnd> {
  const { request, context, local, reply, upstream } = call
  const stop = new AbortController()
  const signal = AbortSignal.any([context.signal, stop.signal])
  // Subscribed before theirs is asked for: the headers say that from now on nothing is missed.
  const ours = sendOurs()
  const theirs = sendTheirs()
  try {
    const end = await Promise.race([theirs, ours])
    return reply.status(end)
  } finally {
    stop.abort(new GantryError('cancelled', { action: 'send events', reason: 'the other half has ended' }))
    await Promise.allSettled([theirs, ours])
  }

  async function sendOurs(): Promise<CallEnd> {
    reply.start()
    for await (const event of local.messages(request.message, { ...context, signal })) await reply.send(event, signal)
    return { code: 0, trailers: statusHeaders(0, '') }
  }

  async function sendTheirs(): Promise<CallEnd> {
    const end = await listen(upstream, { ...request, signal }, (event) => reply.send(event, signal))
    if (end.code !== grpc.UNAVAILABLE) return end
    await upstream.connected(signal)
    const error = new GantryError('unavailable', {
      action: 'send events of',
      subject: upstream.endpoint,
      reason: 'it was away, and events may be missing',
      hint: 'list what there is, and subscribe again',
    })
    return { code: grpc.UNAVAILABLE, trailers: statusHeaders(grpc.UNAVAILABLE, `${messageOf(error)} (${error.hint})`) }
  }
}
