// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import { GantryError } from '../../runtime-core/errors.ts'
import { publish } from '../events/channels.ts'
import type { Layer, LayerStore } from './layers.ts'
import type { Descriptor } from './manifest.ts'
import { adoptParents } from './parents.ts'
import type { RegistryClient } from './registry/client.ts'
import type { Trash } from './removal.ts'
import type { StagedLayer, UnpackLanes } from './unpack/pool.ts'
import type { LayeredView } from './view.ts'

/** How far one layer of a pull has come. */
export interface LayerProgress {
  readonly digest: string
  readonly state: 'waiting' | 'fetching' | 'done' | 'present'
  /** Compressed bytes fetched so far, and in all. */
  readonly bytes: number
  readonly totalBytes: number
}

/** What is wanted: one layer, at its place in the chain. */
export interface WantedLayer {
  readonly descriptor: Descriptor
  readonly diffId: string
  readonly chainId: string
  /** Chain ids below, oldest first. */
  readonly below: readonly string[]
}

/** What the pull that wants it brings along. */
export interface PullResources {
  readonly client: RegistryClient
  readonly lanes: UnpackLanes
}

interface Job {
  readonly done: Promise<Layer>
  readonly controller: AbortController
  readonly watchers: Set<(progress: LayerProgress) => void>
  waiting: number
  progress: LayerProgress
}

/** A joined fetch that fails may have failed for its starter's reasons: so often one's own is tried. */
const JOIN_LIMIT = 3

/**
 * Fetches and unpacks layers. Pulls that want the same layer at the same time share one fetch, which goes on as long
 * as one of them waits for it.
 */
export class LayerJobs {
  readonly #layers: LayerStore
  readonly #trash: Trash
  readonly #viewOf: (layers: readonly Layer[]) => LayeredView
  readonly #nowMs: () => number
  readonly #jobs = new Map<string, Job>()

  constructor(options: {
    layers: LayerStore
    trash: Trash
    viewOf: (layers: readonly Layer[]) => LayeredView
    nowMs: () => number
  }) {
    this.#layers = options.layers
    this.#trash = options.trash
    this.#viewOf = options.viewOf
    this.#nowMs = options.nowMs
  }

  /**
   * The layer, from here or from the registry. The caller has retained its chain id.
   *
   * @param below resolves when the layer under it is in place
   * @throws GantryError, or the signal's reason
   */
  async ensure(
    wanted: WantedLayer,
    resources: PullResources,
    below: Promise<unknown>,
    watch: (progress: LayerProgress) => void,
    signal: AbortSignal,
  ): Promise<Layer> {
    for (let joins = 0; ; joins++) {
      const present = this.#layers.get(wanted.chainId)
      if (present !== undefined) {
        const { digest, size } = wanted.descriptor
        watch({ digest, state: 'present', bytes: size, totalBytes: size })
        return present
      }
      const running = this.#jobs.get(wanted.chainId)
      const job = running ?? this.#start(wanted, resources, below)
      try {
        return await this.#join(job, watch, signal)
      } catch (error) {
        const isOwn = running === undefined
        if (isOwn || signal.aborted || joins >= JOIN_LIMIT) throw error
      }
    }
  }

  /** Resolves when no fetch runs any more, those that were given up included. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#jobs.values()].map(({ done }) => done))
  }

  #start(wanted: WantedLayer, resources: PullResources, below: Promise<unknown>): Job {
    const controller = new AbortController()
    const { digest, size } = wanted.descriptor
    const watchers = new Set<(progress: LayerProgress) => void>()
    const progress: LayerProgress = { digest, state: 'waiting', bytes: 0, totalBytes: size }
    const tell = (change: Partial<LayerProgress>) => {
      job.progress = { ...job.progress, ...change }
      for (const watcher of watchers) watcher(job.progress)
    }
    const done = this.#run(wanted, resources, below, tell, controller.signal).finally(() => {
      this.#jobs.delete(wanted.chainId)
    })
    // Everyone who waits meets its failure; when all have gone, nobody has to.
    done.catch(() => undefined)
    const job: Job = { done, controller, watchers, waiting: 0, progress }
    this.#jobs.set(wanted.chainId, job)
    return job
  }

  async #join(job: Job, watch: (progress: LayerProgress) => void, signal: AbortSignal): Promise<Layer> {
    signal.throwIfAborted()
    job.waiting++
    job.watchers.add(watch)
    watch(job.progress)
    let leave: () => void = () => undefined
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(signal.reason)
      signal.addEventListener('abort', leave, { once: true })
    })
    try {
      return await Promise.race([job.done, left])
    } finally {
      signal.removeEventListener('abort', leave)
      job.watchers.delete(watch)
      if (--job.waiting === 0)
        job.controller.abort(new GantryError('cancelled', { action: 'fetch', subject: job.progress.digest }))
    }
  }

  async #run(
    wanted: WantedLayer,
    { client, lanes }: PullResources,
    below: Promise<unknown>,
    tell: (change: Partial<LayerProgress>) => void,
    signal: AbortSignal,
  ): Promise<Layer> {
    const startedMs = this.#nowMs()
    const { descriptor } = wanted
    // The digest is taken here and not by the unpacking process: that one has the hostile bytes in its hands.
    const hash = createHash(algorithmOf(descriptor.digest))
    let bytes = 0
    async function* fetch(): AsyncGenerator<Buffer, void> {
      tell({ state: 'fetching' })
      for await (const piece of client.blob(descriptor, signal)) {
        hash.update(piece)
        bytes += piece.length
        tell({ bytes })
        yield piece
      }
      // Before the unpacking process hears that the blob is complete.
      verify(descriptor.digest, `${algorithmOf(descriptor.digest)}:${hash.digest('hex')}`, 'layer')
    }
    const release = client.hold()
    const staged = await named(descriptor, lanes.unpack(algorithmOf(wanted.diffId), fetch, signal)).finally(release)
    const layer = await this.#settle(wanted, staged, below, signal)
    tell({ state: 'done' })
    publish('LayerUnpacked', {
      digest: descriptor.digest,
      compressedBytes: bytes,
      unpackedBytes: layer.bytes,
      durationMs: this.#nowMs() - startedMs,
    })
    return layer
  }

  async #settle(
    wanted: WantedLayer,
    staged: StagedLayer,
    below: Promise<unknown>,
    signal: AbortSignal,
  ): Promise<Layer> {
    try {
      verify(wanted.diffId, staged.diffId, 'unpacked layer')
      await below
      signal.throwIfAborted()
      const lower = wanted.below.map((chainId) => this.#layers.get(chainId)).filter((layer) => layer !== undefined)
      if (lower.length > 0) await adoptParents(staged.directory, staged.implicit, this.#viewOf(lower))
      const { diffId, chainId, descriptor } = wanted
      const { bytes, inodes } = staged
      const record = { chainId, diffId, digest: descriptor.digest, compressedBytes: descriptor.size, bytes, inodes }
      return await this.#layers.commit(record, staged.directory)
    } catch (error) {
      await this.#trash.discard(staged.directory)
      throw error
    }
  }
}

function algorithmOf(digest: string): string {
  return digest.slice(0, digest.indexOf(':'))
}

function verify(wanted: string, actual: string, what: string): void {
  if (wanted === actual) return
  const reason = `what came has the digest ${actual}`
  throw new GantryError('invalid_argument', { action: `verify ${what}`, subject: wanted, reason, stage: 'digest' })
}

/** Whatever goes wrong with a layer says which one. */
async function named<T>(descriptor: Descriptor, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (!(cause instanceof GantryError)) throw cause
    const { stage } = cause
    throw new GantryError(cause.code, {
      action: 'layer',
      subject: descriptor.digest,
      cause,
      ...(stage === undefined ? {} : { stage }),
    })
  }
}
