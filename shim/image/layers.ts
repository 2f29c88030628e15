// SPDX-License-Identifier: Apache-2.0
import { mkdir, rename, stat } from 'node:fs/promises'
import path from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { errnoOf, GantryError } from '../../runtime-core/errors.ts'
import { listIfThere, runProgram, type Trash } from './removal.ts'

/** An unpacked layer. */
export interface Layer {
  readonly number: number
  /** Its key: what lies below it and itself (image-spec, config.md §layer chain id). */
  readonly chainId: string
  readonly diffId: string
  readonly digest: string
  readonly compressedBytes: number
  /** Space on disk. */
  readonly bytes: number
  readonly inodes: number
  /** The directory of its files, `<root>/layers/<number>/fs`. */
  readonly directory: string
}

/** What is known of a layer before it has a number. */
export type NewLayer = Omit<Layer, 'number' | 'directory'>

/**
 * The layers on disk and who needs each: images, containers, pulls under way. A layer nobody needs is removed.
 * Lookups are from memory.
 */
export class LayerStore {
  readonly #root: string
  readonly #db: DatabaseSync
  readonly #trash: Trash
  readonly #bootId: string
  readonly #layers = new Map<string, Layer>()
  readonly #holders = new Map<string, Set<string>>()
  readonly #unsynced = new Set<number>()
  readonly #committing = new Map<string, Promise<Layer>>()
  #syncing: Promise<void> | undefined
  #bytes = 0
  #inodes = 0

  constructor(options: { root: string; db: DatabaseSync; trash: Trash; bootId: string }) {
    this.#root = path.join(options.root, 'layers')
    this.#db = options.db
    this.#trash = options.trash
    this.#bootId = options.bootId
  }

  /** The layer of this chain, if it is here. */
  get(chainId: string): Layer | undefined {
    return this.#layers.get(chainId)
  }

  /** Space and inodes of all layers. */
  get usage(): { readonly bytes: number; readonly inodes: number } {
    return { bytes: this.#bytes, inodes: this.#inodes }
  }

  /** Keep these layers, present or yet to come, until `release`. */
  retain(chainIds: readonly string[], holder: string): void {
    for (const chainId of chainIds) {
      const holders = this.#holders.get(chainId)
      if (holders === undefined) this.#holders.set(chainId, new Set([holder]))
      else holders.add(holder)
    }
  }

  /** The holder needs these layers no more; what nobody else needs is removed. Returns the bytes freed. */
  async release(chainIds: readonly string[], holder: string): Promise<number> {
    let freed = 0
    // Newest first: a crash in between leaves no layer without what lies below it.
    for (const chainId of chainIds.toReversed()) {
      const holders = this.#holders.get(chainId)
      holders?.delete(holder)
      if (holders === undefined || holders.size > 0) continue
      this.#holders.delete(chainId)
      const layer = this.#layers.get(chainId)
      if (layer === undefined) continue
      freed += layer.bytes
      await this.#remove(layer)
    }
    return freed
  }

  /**
   * Give an unpacked directory its place. It is used from now on; that it survives a power loss is seen to by `sync`.
   * If the layer came by another way meanwhile, the directory is thrown away.
   */
  async commit(layer: NewLayer, staged: string): Promise<Layer> {
    await this.#committing.get(layer.chainId)?.catch(() => undefined)
    const present = this.#layers.get(layer.chainId)
    if (present !== undefined) {
      await this.#trash.discard(staged)
      return present
    }
    const run = this.#place(layer, staged).finally(() => this.#committing.delete(layer.chainId))
    this.#committing.set(layer.chainId, run)
    return run
  }

  /**
   * Bring the layers committed so far to the disk, and record that they are there. Runs `sync -f` in a child; calls
   * made meanwhile share the next run.
   *
   * @throws GantryError internal: the layers stay usable, and are not believed after a reboot
   */
  async sync(): Promise<void> {
    await this.#syncing?.catch(() => undefined)
    const numbers = [...this.#unsynced]
    if (numbers.length === 0) return
    this.#unsynced.clear()
    const run = this.#syncNumbers(numbers)
    this.#syncing = run
    await run
  }

  /**
   * Load the records and make disk and records agree: records whose files are not sure or not there are dropped, files
   * without a record are thrown away. `retain` what containers need before this.
   */
  async recover(): Promise<void> {
    await mkdir(this.#root, { recursive: true, mode: 0o711 })
    const orphans = new Set(await listIfThere(this.#root))
    for (const row of this.#db.prepare('SELECT * FROM layers').all()) {
      const number = Number(row['number'])
      const directory = path.join(this.#root, String(number), 'fs')
      const isSure = row['ready'] === 1 && (row['boot_id'] === null || row['boot_id'] === this.#bootId)
      if (!isSure || !(await isDirectory(directory))) {
        this.#db.prepare('DELETE FROM layers WHERE number = ?').run(number)
        continue
      }
      orphans.delete(String(number))
      this.#add({
        number,
        directory,
        chainId: String(row['chain_id']),
        diffId: String(row['diff_id']),
        digest: String(row['digest']),
        compressedBytes: Number(row['compressed_bytes']),
        bytes: Number(row['bytes']),
        inodes: Number(row['inodes']),
      })
      if (row['boot_id'] !== null) this.#unsynced.add(number)
    }
    for (const name of orphans) await this.#trash.discard(path.join(this.#root, name))
  }

  /** Remove the layers nobody holds. Returns the bytes freed. */
  async collect(): Promise<number> {
    let freed = 0
    for (const layer of [...this.#layers.values()].reverse()) {
      if (this.#holders.has(layer.chainId)) continue
      freed += layer.bytes
      await this.#remove(layer)
    }
    return freed
  }

  async #place(layer: NewLayer, staged: string): Promise<Layer> {
    const number = this.#allocate(layer)
    const place = path.join(this.#root, String(number))
    try {
      await mkdir(place, { recursive: true, mode: 0o755 })
      await rename(staged, path.join(place, 'fs'))
      this.#db.prepare('UPDATE layers SET ready = 1 WHERE number = ?').run(number)
    } catch (error) {
      this.#db.prepare('DELETE FROM layers WHERE number = ?').run(number)
      throw new GantryError('internal', { action: 'store layer', subject: layer.digest, cause: error })
    }
    const committed = { ...layer, number, directory: path.join(place, 'fs') }
    this.#add(committed)
    this.#unsynced.add(number)
    return committed
  }

  #allocate(layer: NewLayer): number {
    const { lastInsertRowid } = this.#db
      .prepare(
        `INSERT INTO layers (chain_id, diff_id, digest, compressed_bytes, bytes, inodes, ready, boot_id)
         VALUES (?, ?, ?, ?, ?, ?, 0, ?)`,
      )
      .run(layer.chainId, layer.diffId, layer.digest, layer.compressedBytes, layer.bytes, layer.inodes, this.#bootId)
    return Number(lastInsertRowid)
  }

  // The record goes first: a directory without one is thrown away at the next start.
  async #remove(layer: Layer): Promise<void> {
    this.#layers.delete(layer.chainId)
    this.#bytes -= layer.bytes
    this.#inodes -= layer.inodes
    this.#unsynced.delete(layer.number)
    this.#db.prepare('DELETE FROM layers WHERE number = ?').run(layer.number)
    await this.#trash.discard(path.join(this.#root, String(layer.number)))
  }

  #add(layer: Layer): void {
    this.#layers.set(layer.chainId, layer)
    this.#bytes += layer.bytes
    this.#inodes += layer.inodes
  }

  async #syncNumbers(numbers: readonly number[]): Promise<void> {
    try {
      await runProgram('sync', ['-f', this.#root])
    } catch (error) {
      for (const number of numbers) this.#unsynced.add(number)
      throw error
    }
    const mark = this.#db.prepare('UPDATE layers SET boot_id = NULL WHERE number = ?')
    for (const number of numbers) mark.run(number)
  }
}

async function isDirectory(directory: string): Promise<boolean> {
  try {
    return (await stat(directory)).isDirectory()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false
    throw error
  }
}
