// SPDX-License-Identifier: Apache-2.0
import path from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { GantryError } from '../../runtime-core/errors.ts'
import { publish } from '../events/channels.ts'
import { LayerJobs } from './layer-jobs.ts'
import { type Layer, LayerStore } from './layers.ts'
import type { Platform } from './platform.ts'
import { Puller, type PullRequest } from './pull.ts'
import { DEFAULT_TIMEOUTS, type HttpTimeouts } from './registry/http.ts'
import { listIfThere, Trash } from './removal.ts'
import { migrate } from './schema.ts'
import { Snapshots } from './snapshot/overlay.ts'
import { type ImageRecord, ImageStore } from './store.ts'
import { openOpaqueReader } from './unpack/kernel.ts'
import { type PoolLimits, UnpackPool } from './unpack/pool.ts'
import { LayeredView } from './view.ts'

export type { LayerProgress } from './layer-jobs.ts'
export type { PullRequest } from './pull.ts'
export type { AuthConfig } from './registry/credentials.ts'
export type { OverlayMount } from './snapshot/overlay.ts'
export type { ImageRecord } from './store.ts'

/** An image with its files. */
export interface ResolvedImage extends ImageRecord {
  /** Directories of its layers, oldest first. */
  readonly layerDirectories: readonly string[]
}

export interface ImagesOptions {
  /** `/var/lib/gantry`: holds `layers/`, `containers/`, `staging/`, `trash/`. */
  readonly root: string
  readonly db: DatabaseSync
  /** The kernel's boot id: tells whether layers not yet synced have survived. */
  readonly bootId: string
  readonly platform: Platform
  readonly registryConfigDirs: readonly string[]
  /** References, `*` allowed, that the kubelet must not collect. */
  readonly pinned: readonly string[]
  readonly nowMs: () => number
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  /** The environment, for HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
  readonly proxyEnv: NodeJS.ProcessEnv
  /** Told of failures that no caller waits for: a sync, a removal. */
  readonly onError: (error: unknown) => void
  /** The Node program that runs unpacking processes: `process.execPath`. */
  readonly nodePath: string
  readonly timeouts?: HttpTimeouts
  readonly limits?: PoolLimits
  readonly pullMs?: number
  readonly lingerMs?: number
}

export const DEFAULT_LIMITS: PoolLimits = {
  total: 4,
  perImage: 3,
  layerBytes: 256 * 1024 ** 3,
  layerEntries: 10_000_000,
  stallMs: 300_000,
}
const DEFAULT_PULL_MS = 6 * 3_600_000
const DEFAULT_LINGER_MS = 600_000

/** The images of this node and their layers: what ImageService and the containers need of them. */
export class Images {
  readonly snapshots: Snapshots
  readonly #root: string
  readonly #nowMs: () => number
  readonly #trash: Trash
  readonly #layers: LayerStore
  readonly #store: ImageStore
  readonly #jobs: LayerJobs
  readonly #pool: UnpackPool
  readonly #puller: Puller
  readonly #viewOf: (layers: readonly Layer[]) => LayeredView
  readonly #containers = new Map<string, readonly string[]>()

  /** Nothing is read or removed before `recover`. */
  constructor(options: ImagesOptions) {
    const { root, db, bootId, nowMs, onError } = options
    migrate(db)
    this.#root = root
    this.#nowMs = nowMs
    this.#trash = new Trash(path.join(root, 'trash'), (_, error) => onError(error))
    this.#layers = new LayerStore({ root, db, bootId, trash: this.#trash })
    this.#store = new ImageStore(db, options.pinned)
    this.snapshots = new Snapshots({ root, trash: this.#trash })
    const isOpaque = openOpaqueReader()
    this.#viewOf = (layers) => new LayeredView(layers.map(({ directory }) => directory).reverse(), isOpaque)
    const shared = { layers: this.#layers, trash: this.#trash, nowMs }
    this.#pool = new UnpackPool({
      staging: path.join(root, 'staging'),
      nodePath: options.nodePath,
      trash: this.#trash,
      limits: options.limits ?? DEFAULT_LIMITS,
    })
    this.#jobs = new LayerJobs({ ...shared, viewOf: this.#viewOf })
    this.#puller = new Puller({
      ...options,
      ...shared,
      store: this.#store,
      configDirs: options.registryConfigDirs,
      jobs: this.#jobs,
      pool: this.#pool,
      timeouts: options.timeouts ?? DEFAULT_TIMEOUTS,
      pullMs: options.pullMs ?? DEFAULT_PULL_MS,
      lingerMs: options.lingerMs ?? DEFAULT_LINGER_MS,
    })
  }

  /**
   * At start, after `retain` for every container there is: load the records, drop those whose files are not sure, and
   * throw away what a crash left. Safe beside nothing else of this class.
   *
   * @returns ids of images that were dropped
   */
  async recover(): Promise<string[]> {
    for (const name of await listIfThere(path.join(this.#root, 'staging'))) {
      await this.#trash.discard(path.join(this.#root, 'staging', name))
    }
    await this.#trash.empty()
    await this.#layers.recover()
    const dropped = this.#store.load((chain) => chain.every((chainId) => this.#layers.get(chainId) !== undefined))
    for (const { id, chain } of this.#store.list()) this.#layers.retain(chain, `image:${id}`)
    await this.#layers.collect()
    return dropped
  }

  /** Bring an image here; see `Puller.pull`. The record says what `PullImage` answers (`id`). */
  pull(request: PullRequest): Promise<ImageRecord> {
    return this.#puller.pull(request)
  }

  /** The image that a reference, a digest, an id or a prefix of one names, or undefined. From memory. */
  status(text: string): ImageRecord | undefined {
    return this.#store.find(text)
  }

  /** All images, each once. From memory. */
  list(): ImageRecord[] {
    return this.#store.list()
  }

  /**
   * The image with its layers, for a container.
   *
   * @throws GantryError not_found
   */
  resolve(text: string): ResolvedImage {
    const record = this.#store.find(text)
    if (record === undefined) {
      throw new GantryError('not_found', { action: 'find image', subject: text, hint: 'pull it first' })
    }
    return { ...record, layerDirectories: this.#layersOf(record).map(({ directory }) => directory) }
  }

  /**
   * Remove an image with all its names, whichever of them is given. A missing one is no error. On return its names are
   * gone and the space of layers that nothing else needs is free, for a kubelet that collects images under disk pressure
   * looks again at once, and evicts pods where it sees none; layers of containers stay until `release`.
   */
  async remove(text: string): Promise<void> {
    const record = this.#store.find(text)
    if (record === undefined || !this.#store.remove(record.id)) return
    const freedBytes = await this.#layers.release(record.chain, `image:${record.id}`)
    if (freedBytes > 0) await this.#trash.settled()
    publish('ImageRemoved', { id: record.id, freedBytes })
  }

  /** A container needs these layers (`ImageRecord.chain`) from now on. */
  retain(chain: readonly string[], containerId: string): void {
    this.#containers.set(containerId, chain)
    this.#layers.retain(chain, `container:${containerId}`)
  }

  /** The container is gone. */
  async release(containerId: string): Promise<void> {
    const chain = this.#containers.get(containerId)
    if (chain === undefined) return
    this.#containers.delete(containerId)
    await this.#layers.release(chain, `container:${containerId}`)
  }

  /** The image file system, for ImageFsInfo. From memory. */
  fsInfo(): { mountpoint: string; usedBytes: number; inodesUsed: number; timestampMs: number } {
    const { bytes, inodes } = this.#layers.usage
    return {
      mountpoint: path.join(this.#root, 'layers'),
      usedBytes: bytes,
      inodesUsed: inodes,
      timestampMs: this.#nowMs(),
    }
  }

  /**
   * A file of an image, as a container would see it: for `etc/passwd` and `etc/group`.
   *
   * @returns undefined when there is none
   * @throws GantryError failed_precondition when it is no regular file or larger than the limit
   */
  readFile(record: ImageRecord, file: string, options: { limitBytes: number }): Promise<Buffer | undefined> {
    return this.#viewOf(this.#layersOf(record)).readFile(file, options)
  }

  /** Resolves when no work goes on in the background: fetches given up, syncs, processes ending, deletions. */
  async settled(): Promise<void> {
    await this.#jobs.settled()
    await this.#layers.sync()
    await this.#pool.settled()
    await this.#trash.settled()
  }

  /** A directory of an image, as directories of its layers, newest first: see LayeredView. */
  directories(record: ImageRecord, path: string): Promise<string[] | undefined> {
    return this.#viewOf(this.#layersOf(record)).directories(path)
  }

  /** Stop timers. Pulls are stopped by their signals. */
  close(): void {
    this.#puller.close()
  }

  #layersOf({ chain }: ImageRecord): Layer[] {
    return chain.map((chainId) => this.#layers.get(chainId)).filter((layer) => layer !== undefined)
  }
}
