// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, type ClientReadableStream, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import {
  type CriClient,
  createCriClient,
  ImageServiceService,
  PodSandboxConfig,
  RuntimeServiceService,
} from '../../../cri-proto/index.ts'
import type { Images } from '../../image/index.ts'
import { Objects } from '../../node/objects.ts'
import type { Sandbox } from '../../pod/sandbox.ts'
import type { Handlers } from '../../server/grpc.ts'
import { BesideServer } from '../beside.ts'
import { UpstreamConnection } from '../connection.ts'
import { FakeUpstream } from './fake-upstream.ts'

/** What came of a call by bytes. */
export interface RawOutcome {
  readonly messages: Buffer[]
  readonly error: ServiceError | undefined
  readonly header: Metadata
  readonly trailer: Metadata
}

export interface Methods {
  readonly runtime?: Handlers<typeof RuntimeServiceService>
  readonly image?: Handlers<typeof ImageServiceService>
  readonly handlers?: readonly string[]
  readonly refusal?: () => string | undefined
}

/** A server beside a fake runtime, with methods of ours made for the test, in a directory of its own. */
export class TwoRuntimes implements AsyncDisposable {
  readonly upstream: FakeUpstream
  readonly connection: UpstreamConnection
  readonly objects = new Objects()
  readonly client: CriClient
  /** Sends and receives bytes. */
  readonly raw: Client
  readonly endpoint: string
  readonly #directory: string
  readonly #server: BesideServer

  private constructor(directory: string, methods: Methods) {
    this.#directory = directory
    const theirs = `unix://${join(directory, 'theirs.sock')}`
    this.endpoint = `unix://${join(directory, 'ours.sock')}`
    this.upstream = new FakeUpstream(theirs)
    this.connection = new UpstreamConnection({ endpoint: theirs, onState: () => this.#server.upstreamIsBack() })
    this.#server = new BesideServer({
      upstream: this.connection,
      handlers: new Set(methods.handlers ?? ['gantry']),
      objects: this.objects,
      // Images that a container of ours lacks are the business of tests with a registry.
      images: { status: () => ({}) } as unknown as Images,
      refusal: methods.refusal ?? (() => undefined),
      now: () => performance.now(),
    })
    this.#server.add('RuntimeService', RuntimeServiceService, methods.runtime ?? {})
    this.#server.add('ImageService', ImageServiceService, methods.image ?? {})
    this.client = createCriClient(this.endpoint, { defaultTimeoutMs: 10_000 })
    this.raw = new Client(this.endpoint, credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 })
  }

  static async start(methods: Methods): Promise<TwoRuntimes> {
    const two = new TwoRuntimes(await mkdtemp(join(tmpdir(), 'gb-')), methods)
    await two.upstream.start()
    await two.#server.listen(two.endpoint)
    return two
  }

  /** A pod of ours with one container. */
  addPod(id: string, containerId: string, annotations: Record<string, string> = {}): void {
    const config = PodSandboxConfig.create({
      metadata: { name: id, uid: `uid-${id}`, namespace: 'test', attempt: 0 },
      annotations,
    })
    this.objects.sandboxes.set(id, { record: { id, config }, pod: undefined } as unknown as Sandbox)
    this.objects.containers.set(containerId, {} as never)
  }

  /** Any method by its path, its messages as bytes. */
  call(path: string, request: Buffer, options: { metadata?: Metadata; deadline?: number } = {}): Promise<RawOutcome> {
    return outcomeOf(this.stream(path, request, options))
  }

  stream(path: string, request: Buffer, options: { metadata?: Metadata; deadline?: number } = {}) {
    const same = (bytes: Buffer): Buffer => bytes
    const limits = options.deadline === undefined ? {} : { deadline: options.deadline }
    return this.raw.makeServerStreamRequest(path, same, same, request, options.metadata ?? new Metadata(), limits)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close()
    this.raw.close()
    await this.#server.close(0)
    this.upstream.kill()
    await rm(this.#directory, { recursive: true, force: true })
  }
}

/** All that a call gives, to its end. */
export function outcomeOf(call: ClientReadableStream<Buffer>): Promise<RawOutcome> {
  const messages: Buffer[] = []
  let header = new Metadata()
  let error: ServiceError | undefined
  return new Promise((resolve) => {
    call.on('data', (message: Buffer) => messages.push(message))
    call.on('metadata', (metadata: Metadata) => {
      header = metadata
    })
    call.on('error', (failure: ServiceError) => {
      error = failure
    })
    call.on('status', ({ metadata }: { metadata: Metadata }) => {
      // The error of a call comes before or after its status, in the same turn.
      setImmediate(() => resolve({ messages, error, header, trailer: metadata }))
    })
  })
}
