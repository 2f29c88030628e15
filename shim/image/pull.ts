// SPDX-License-Identifier: Apache-2.0
import { GantryError, messageOf } from '../../runtime-core/errors.ts'
import { type Outcome, type PullFailure, publish } from '../events/channels.ts'
import { type ChosenImage, chooseImage } from './choose.ts'
import type { LayerJobs, LayerProgress } from './layer-jobs.ts'
import type { Layer, LayerStore } from './layers.ts'
import { chainIds } from './manifest.ts'
import type { Platform } from './platform.ts'
import { parseReference, type Reference } from './reference.ts'
import { Authorizer } from './registry/auth.ts'
import { RegistryClient } from './registry/client.ts'
import { Conversation } from './registry/conversation.ts'
import type { AuthConfig } from './registry/credentials.ts'
import { loadHosts } from './registry/hosts.ts'
import { HttpClient, type HttpTimeouts } from './registry/http.ts'
import type { ImageRecord, ImageStore } from './store.ts'
import type { UnpackPool } from './unpack/pool.ts'

export interface PullRequest {
  /** As the user wrote it. */
  readonly reference: string
  readonly auth?: AuthConfig
  readonly signal: AbortSignal
  /** Called often: at every piece of every layer. */
  readonly onProgress?: (progress: LayerProgress) => void
}

/** What pulls need, handed in once. */
export interface PullerOptions {
  readonly store: ImageStore
  readonly layers: LayerStore
  readonly jobs: LayerJobs
  readonly pool: UnpackPool
  readonly platform: Platform
  readonly configDirs: readonly string[]
  readonly timeouts: HttpTimeouts
  /** Longest a pull may take, however steadily it trickles. */
  readonly pullMs: number
  /** How long layers of a failed pull wait for the next try. */
  readonly lingerMs: number
  readonly proxyEnv: NodeJS.ProcessEnv
  readonly nowMs: () => number
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  /** Told of what fails after a pull has been answered. */
  readonly onError: (error: unknown) => void
}

/** Brings images here. */
export class Puller {
  readonly #options: PullerOptions
  readonly #lingering = new Set<NodeJS.Timeout>()
  #count = 0

  constructor(options: PullerOptions) {
    this.#options = options
  }

  /**
   * Pull an image. What is here already is not fetched again; concurrent pulls share layers; a caller that goes away
   * does not disturb others.
   *
   * @throws GantryError `pull image "…": …` with invalid_argument, not_found, unauthenticated, permission_denied,
   *   unavailable (text begins with RegistryUnavailable), resource_exhausted, deadline_exceeded, cancelled
   */
  async pull(request: PullRequest): Promise<ImageRecord> {
    const reference = parseReference(request.reference)
    const startedMs = this.#options.nowMs()
    const counter = { bytes: 0 }
    publish('ImagePullStarted', { reference: reference.text })
    const report = (outcome: Outcome, failure?: { reason: PullFailure; error: string }) =>
      publish('ImagePullFinished', {
        reference: reference.text,
        bytes: counter.bytes,
        durationMs: this.#options.nowMs() - startedMs,
        outcome,
        ...failure,
      })
    try {
      const record = await this.#pull(reference, request, counter)
      report('ok')
      return record
    } catch (cause) {
      const error = failureOf(reference, cause, request.signal)
      report(outcomeOf(error), { reason: reasonOf(error), error: error.message })
      throw error
    }
  }

  /** Forget what failed pulls left for a next try. */
  close(): void {
    for (const timer of this.#lingering) clearTimeout(timer)
  }

  async #pull(reference: Reference, request: PullRequest, counter: { bytes: number }): Promise<ImageRecord> {
    const { configDirs, timeouts, proxyEnv, pullMs } = this.#options
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(pullMs)])
    const { endpoints } = await loadHosts(reference.domain, configDirs)
    const http = new HttpClient(timeouts, proxyEnv)
    const lanes = this.#options.pool.open()
    try {
      const { nowMs, sleep } = this.#options
      const repository = reference.path
      const authorizer = new Authorizer({ auth: request.auth, http, repository, nowMs })
      const conversation = new Conversation({ http, authorizer, repository, sleep })
      const client = new RegistryClient({ reference, endpoints, conversation })
      const known = await this.#unchanged(reference, client, signal)
      if (known !== undefined) return known
      const image = await chooseImage(client, this.#options.platform, () => lanes.warm(), signal)
      const watch = (progress: LayerProgress) => request.onProgress?.(progress)
      return await this.#fetchLayers(reference, image, { client, lanes }, counter, watch, signal)
    } finally {
      lanes.close()
      http.close()
    }
  }

  /** The record, when the registry still means the same by the reference: a pull of `Always` costs one HEAD. */
  async #unchanged(
    reference: Reference,
    client: RegistryClient,
    signal: AbortSignal,
  ): Promise<ImageRecord | undefined> {
    const known = this.#options.store.find(reference.text)
    if (known === undefined) return undefined
    const digest = await client.resolve(signal)
    return digest !== undefined && known.digests.includes(`${reference.name}@${digest}`) ? known : undefined
  }

  async #fetchLayers(
    reference: Reference,
    image: ChosenImage,
    resources: { client: RegistryClient; lanes: ReturnType<UnpackPool['open']> },
    counter: { bytes: number },
    watch: (progress: LayerProgress) => void,
    signal: AbortSignal,
  ): Promise<ImageRecord> {
    const { layers, store, nowMs } = this.#options
    const chain = chainIds(image.config.diffIds)
    const holder = `pull:${this.#count++}`
    layers.retain(chain, holder)
    try {
      const fetched = new Map<string, number>()
      const place = await this.#ensureAll(image, chain, resources, signal, (progress) => {
        if (progress.state === 'fetching') fetched.set(progress.digest, progress.bytes)
        counter.bytes = [...fetched.values()].reduce((sum, bytes) => sum + bytes, 0)
        watch(progress)
      })
      const { configText, configDescriptor, manifest, digest } = image
      const size = place.reduce((sum, layer) => sum + layer.bytes, Buffer.byteLength(configText))
      const id = configDescriptor.digest
      const facts = { id, config: configText, manifest: manifest.bytes.toString('utf8'), size, digest }
      layers.retain(chain, `image:${id}`)
      const record = store.add({ ...facts, reference, pulledAtMs: nowMs() })
      // The caller need not wait: until it is done, the layers are believed for this boot only.
      layers.sync().catch(this.#options.onError)
      await layers.release(chain, holder)
      return record
    } catch (error) {
      this.#linger(chain, holder)
      throw error
    }
  }

  /** All layers at once; one that fails stops the others. */
  async #ensureAll(
    image: ChosenImage,
    chain: readonly string[],
    resources: { client: RegistryClient; lanes: ReturnType<UnpackPool['open']> },
    signal: AbortSignal,
    watch: (progress: LayerProgress) => void,
  ): Promise<Layer[]> {
    const failing = new AbortController()
    const all = AbortSignal.any([signal, failing.signal])
    let below: Promise<unknown> = Promise.resolve()
    const pending = image.layers.map((descriptor, index) => {
      const wanted = {
        descriptor,
        diffId: image.config.diffIds[index] ?? '',
        chainId: chain[index] ?? '',
        below: chain.slice(0, index),
      }
      const job = this.#options.jobs.ensure(wanted, resources, below, watch, all)
      below = job
      job.catch((error) => failing.abort(error))
      return job
    })
    try {
      return await Promise.all(pending)
    } finally {
      // None goes on unwatched, and the first failure is the one told.
      await Promise.allSettled(pending)
    }
  }

  #linger(chain: readonly string[], holder: string): void {
    const timer = setTimeout(() => {
      this.#lingering.delete(timer)
      this.#options.layers.release(chain, holder).catch(this.#options.onError)
    }, this.#options.lingerMs)
    timer.unref()
    this.#lingering.add(timer)
  }
}

function failureOf(reference: Reference, cause: unknown, signal: AbortSignal): GantryError {
  const subject = reference.text
  if (signal.aborted) {
    const isDeadline = isTimeout(signal.reason)
    const reason = isDeadline ? 'the deadline passed' : 'the caller has gone'
    return new GantryError(isDeadline ? 'deadline_exceeded' : 'cancelled', { action: 'pull image', subject, reason })
  }
  if (isTimeout(cause)) {
    return new GantryError('deadline_exceeded', { action: 'pull image', subject, reason: 'it took too long' })
  }
  if (!(cause instanceof GantryError)) return new GantryError('internal', { action: 'pull image', subject, cause })
  const { code, stage } = cause
  // The kubelet looks for this word to tell a registry that is down from an image that is not there.
  const action = code === 'unavailable' ? 'RegistryUnavailable: pull image' : 'pull image'
  return new GantryError(code, { action, subject, cause, ...(stage === undefined ? {} : { stage }) })
}

function isTimeout(reason: unknown): boolean {
  if (reason instanceof GantryError) return reason.code === 'deadline_exceeded'
  return reason instanceof Error && reason.name === 'TimeoutError'
}

function outcomeOf(error: GantryError): Outcome {
  if (error.code === 'deadline_exceeded') return 'timeout'
  return error.code === 'cancelled' ? 'cancelled' : 'error'
}

function reasonOf(error: GantryError): PullFailure {
  if (error.stage === 'digest') return 'digest_mismatch'
  switch (error.code) {
    case 'not_found':
      return 'not_found'
    case 'unauthenticated':
    case 'permission_denied':
      return 'unauthorized'
    case 'deadline_exceeded':
      return 'timeout'
    case 'cancelled':
      return 'cancelled'
    case 'unavailable':
      return messageOf(error).includes('registry "') ? 'registry' : 'network'
    case 'resource_exhausted':
      return error.errno === undefined ? 'registry' : 'no_space'
    case 'invalid_argument':
    case 'unimplemented':
      return error.stage === 'unpack' ? 'unpack' : 'invalid'
    default:
      return error.stage === 'unpack' ? 'unpack' : 'internal'
  }
}
