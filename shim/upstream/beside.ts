// SPDX-License-Identifier: Apache-2.0
import type { ServiceDefinition } from '@grpc/grpc-js'
import { ListContainersRequest } from '../../cri-proto/index.ts'
import { GantryError, hasCode } from '../../runtime-core/errors.ts'
import type { Images } from '../image/index.ts'
import type { Objects } from '../node/objects.ts'
import type { Handlers } from '../server/grpc.ts'
import { bringImages } from './bring-image.ts'
import { ask, type CallEnd, type UpstreamRequest } from './call.ts'
import type { UpstreamConnection } from './connection.ts'
import { mergeEvents } from './events.ts'
import { ImageAskers } from './image-askers.ts'
import { firstImageStatus, mergeImageStream, mergeImages, removeBoth } from './images.ts'
import { mergeImageFs, mergeList, mergeStream, type SharedCall, updateBoth } from './merge.ts'
import { MetricMerge } from './metrics.ts'
import { header, plain, readFirst } from './raw.ts'
import { relay } from './relay.ts'
import { type Decision, decide, type Kind, type Merge, type Ours, ROUTES, type Route } from './route.ts'
import { type IncomingCall, RawGrpcServer } from './server.ts'
import { StatusMerge } from './status.ts'
import { contents } from './wire.ts'

export interface BesideOptions {
  readonly upstream: UpstreamConnection
  /** Values of `runtime_handler` that are run here. */
  readonly handlers: ReadonlySet<string>
  readonly objects: Objects
  readonly images: Images
  /** Why new pods of ours are refused; undefined where they are not. */
  readonly refusal: () => string | undefined
  readonly now: () => number
}

type Merges = { readonly [M in Merge]: (call: SharedCall) => Promise<CallEnd> }

/** The CRI server in front of the node's own runtime: ours are answered here, all else there. */
export class BesideServer {
  readonly #options: BesideOptions
  readonly #server: RawGrpcServer
  readonly #ours: Ours
  readonly #askers: ImageAskers
  readonly #merges: Merges
  readonly #metrics = new MetricMerge()

  constructor(options: BesideOptions) {
    this.#options = options
    const { objects, handlers } = options
    this.#server = new RawGrpcServer(options.now, (call) => this.#handle(call))
    this.#askers = new ImageAskers(objects, handlers)
    this.#ours = {
      handlers,
      sandboxes: objects.sandboxes,
      containers: objects.containers,
      imageAsker: (as, request) => this.#askers.decide(as, request),
    }
    const status = new StatusMerge(options)
    this.#merges = {
      list: (call) => mergeList(call, 'say so'),
      stream: (call) => mergeStream(call, 'say so'),
      metrics: (call) => this.#metrics.list(call),
      metricsStream: (call) => this.#metrics.stream(call),
      descriptors: (call) => this.#metrics.descriptors(call),
      status: (call) => status.answer(call),
      runtimeConfig: updateBoth,
      events: mergeEvents,
      images: mergeImages,
      imagesStream: mergeImageStream,
      imageStatus: firstImageStatus,
      // Never of both: image-askers.ts.
      pullImage: updateBoth,
      removeImage: removeBoth,
      imageFs: mergeImageFs,
    }
  }

  /** The node's own runtime is back, maybe as another release. */
  upstreamIsBack(): void {
    this.#metrics.forget()
  }

  add<S extends ServiceDefinition>(name: string, definition: S, handlers: Handlers<S>): void {
    this.#server.add(name, definition, handlers)
  }

  listen(endpoint: string): Promise<void> {
    return this.#server.listen(endpoint)
  }

  async close(graceMs: number): Promise<void> {
    await this.#server.close(graceMs)
    this.#options.upstream.close()
  }

  async #handle(call: IncomingCall): Promise<CallEnd> {
    const { upstream } = this.#options
    const route = ROUTES.get(call.path)
    if (route === undefined || call.local === undefined) return relay(call.stream, call.headers, [], upstream)
    const first = await readFirst(call.stream)
    if (first.message === undefined) return relay(call.stream, call.headers, first.read, upstream)
    const message = plain(first.message, header(call.headers, 'grpc-encoding') ?? 'identity')
    const decision = decideOrPassOn(route, message, this.#ours)
    if (decision.to === 'upstream') return relay(call.stream, call.headers, first.read, upstream)
    const request = { headers: call.headers, message, signal: call.context.signal }
    if (decision.to === 'both' && route.by !== 'handler') return this.#both(route, call, request)
    if (decision.to === 'unclear') {
      const refused = await this.#refuseShared(decision.kind, decision.id, request)
      if (refused !== undefined) return call.reply.status(refused)
    }
    return this.#here(route, call, request)
  }

  #both(route: Route, call: IncomingCall, request: UpstreamRequest): Promise<CallEnd> {
    const { context, reply, local } = call
    if (!('as' in route) || local === undefined) throw new TypeError(`${call.path} has no way to be merged`)
    return this.#merges[route.as]({ request, context, local, reply, upstream: this.#options.upstream })
  }

  async #here(route: Route, { local, context, reply }: IncomingCall, request: UpstreamRequest): Promise<CallEnd> {
    if (local === undefined) throw new TypeError('a method that is routed here is not there')
    if (route.by === 'handler') this.#requireAgreement()
    if (route.by === 'create') {
      this.#askers.learn(request.message)
      await bringImages(this.#options.images, this.#options.upstream, request)
    }
    if (!local.streams) return reply.message(await local.answer(request.message, context))
    reply.start()
    for await (const message of local.messages(request.message, context)) await reply.send(message, context.signal)
    return reply.finish(OK)
  }

  #requireAgreement(): void {
    const reason = this.#options.refusal()
    if (reason !== undefined) throw new GantryError('failed_precondition', { action: 'run sandbox', reason })
  }

  /** An abbreviated id of ours is refused where the other runtime knows one that begins so too, and while it is away. */
  async #refuseShared(kind: Kind, id: string, request: UpstreamRequest): Promise<CallEnd | undefined> {
    const method = kind === 'sandbox' ? 'ListPodSandbox' : 'ListContainers'
    const path = `/runtime.v1.RuntimeService/${method}`
    const headers = request.headers.map((value, at) => (request.headers[at - 1] === ':path' ? path : value))
    // Both lists have their filter, and it the id, in field 1.
    const message = Buffer.from(
      ListContainersRequest.encode(ListContainersRequest.fromPartial({ filter: { id } })).finish(),
    )
    const theirs = await ask(this.#options.upstream, { ...request, headers, message })
    if (theirs.code !== 0) return theirs
    if (contents(theirs.message, 1).length === 0) return undefined
    throw new GantryError('invalid_argument', {
      action: `find ${kind}`,
      subject: id,
      reason: 'it is the beginning of an id in both runtimes',
      hint: 'give the whole id',
    })
  }
}

const OK: CallEnd = { code: 0, trailers: ['grpc-status', '0'] }

/** What is no message is not ours to refuse. */
function decideOrPassOn(route: Route, message: Buffer, ours: Ours): Decision {
  try {
    return decide(route, message, ours)
  } catch (error) {
    if (hasCode(error, 'invalid_argument')) return { to: 'upstream' }
    throw error
  }
}
