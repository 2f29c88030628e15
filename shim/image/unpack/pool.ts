// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rename } from 'node:fs/promises'
import path from 'node:path'
import { GantryError } from '../../../runtime-core/errors.ts'
import type { Trash } from '../removal.ts'
import type { Job } from './protocol.ts'
import { Slots } from './slots.ts'
import { type UnpackedLayer, UnpackWorker } from './worker.ts'

/** Bounds on unpacking. */
export interface PoolLimits {
  /** Layers unpacked at once, over all pulls. */
  readonly total: number
  /** … and for one image. */
  readonly perImage: number
  /** What one layer may make of the disk. */
  readonly layerBytes: number
  readonly layerEntries: number
  /** How long a layer's unpacking may stand still. */
  readonly stallMs: number
}

/** A layer unpacked, out of the unpacking process's reach. */
export interface StagedLayer extends UnpackedLayer {
  /** Belongs to the caller: to be renamed into place or thrown away. */
  readonly directory: string
}

/** Starts unpacking processes for pulls and bounds how many work at once. */
export class UnpackPool {
  readonly #staging: string
  readonly #nodePath: string
  readonly #trash: Trash
  readonly #limits: PoolLimits
  readonly #slots: Slots
  readonly #retiring = new Set<Promise<void>>()

  /** @param options.staging a directory on the file system of the layers */
  constructor(options: { staging: string; nodePath: string; trash: Trash; limits: PoolLimits }) {
    this.#staging = options.staging
    this.#nodePath = options.nodePath
    this.#trash = options.trash
    this.#limits = options.limits
    this.#slots = new Slots(options.limits.total)
  }

  /** Resolves when the processes of closed lanes have ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#retiring)
  }

  /** Lanes for one image. Images do not share a process: a layer that took one over could spoil its own image only. */
  open(): UnpackLanes {
    return new UnpackLanes({
      limits: this.#limits,
      slots: this.#slots,
      trash: this.#trash,
      start: async () => {
        await mkdir(this.#staging, { recursive: true, mode: 0o700 })
        const directory = await mkdtemp(path.join(this.#staging, 'w'))
        return new UnpackWorker(directory, this.#nodePath)
      },
      stage: async (unpacked) => {
        const staged = path.join(this.#staging, `l${randomUUID()}`)
        await rename(unpacked, staged)
        return staged
      },
      onRetire: (retiring) => {
        this.#retiring.add(retiring)
        void retiring.finally(() => this.#retiring.delete(retiring))
      },
    })
  }
}

/** The unpacking processes of one image; close it when the image's last layer has been given to it. */
export class UnpackLanes {
  readonly #limits: PoolLimits
  readonly #slots: Slots
  readonly #ownSlots: Slots
  readonly #trash: Trash
  readonly #start: () => Promise<UnpackWorker>
  readonly #stage: (unpacked: string) => Promise<string>
  readonly #onRetire: (retiring: Promise<void>) => void
  readonly #idle: Promise<UnpackWorker>[] = []
  #isClosed = false
  #jobs = 0

  constructor(options: {
    limits: PoolLimits
    slots: Slots
    trash: Trash
    start: () => Promise<UnpackWorker>
    stage: (unpacked: string) => Promise<string>
    onRetire: (retiring: Promise<void>) => void
  }) {
    this.#limits = options.limits
    this.#slots = options.slots
    this.#ownSlots = new Slots(options.limits.perImage)
    this.#trash = options.trash
    this.#start = options.start
    this.#stage = options.stage
    this.#onRetire = options.onRetire
  }

  /** Start a process ahead of its first layer, while the registry is still being asked. */
  warm(): void {
    if (this.#idle.length > 0 || this.#isClosed) return
    const starting = this.#start()
    // Its failure is met by the layer that takes it.
    starting.catch(() => undefined)
    this.#idle.push(starting)
  }

  /**
   * Unpack one blob.
   *
   * @param algorithm of the diff id, `sha256`
   * @param open begins the blob once a process is free to take it
   * @throws GantryError invalid_argument, resource_exhausted, internal; the signal's reason; what the blob throws
   */
  async unpack(algorithm: string, open: () => AsyncIterable<Buffer>, signal: AbortSignal): Promise<StagedLayer> {
    const releaseOwn = await this.#ownSlots.acquire(signal)
    try {
      const release = await this.#slots.acquire(signal)
      try {
        return await this.#run(algorithm, open, signal)
      } finally {
        release()
      }
    } finally {
      releaseOwn()
    }
  }

  /** No more layers come: processes end when they have finished what they do. */
  close(): void {
    this.#isClosed = true
    for (const worker of this.#idle.splice(0)) this.#onRetire(this.#retire(worker))
  }

  async #run(algorithm: string, open: () => AsyncIterable<Buffer>, signal: AbortSignal): Promise<StagedLayer> {
    const starting = this.#idle.pop() ?? this.#start()
    const worker = await starting
    const { layerBytes, layerEntries, stallMs } = this.#limits
    const job: Job = { name: `layer${this.#jobs++}`, algorithm, limitBytes: layerBytes, limitEntries: layerEntries }
    const onAbort = () => void worker.kill()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      signal.throwIfAborted()
      const unpacked = await worker.unpack(job, open(), stallMs)
      const directory = await this.#stage(path.join(worker.directory, job.name))
      if (this.#isClosed) this.#onRetire(this.#retire(starting))
      else this.#idle.push(starting)
      return { ...unpacked, directory }
    } catch (error) {
      await worker.kill()
      await this.#trash.discard(worker.directory)
      signal.throwIfAborted()
      throw error
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  async #retire(starting: Promise<UnpackWorker>): Promise<void> {
    try {
      const worker = await starting
      await worker.close()
      await this.#trash.discard(worker.directory)
    } catch (error) {
      // It never started, so it holds nothing; what is left in staging goes at the next start.
      if (!(error instanceof GantryError) && !(error instanceof Error)) throw error
    }
  }
}
