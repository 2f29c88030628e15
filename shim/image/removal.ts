// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename } from 'node:fs/promises'
import path from 'node:path'
import { errnoOf, GantryError } from '../../runtime-core/errors.ts'
import { removeSmallTree } from './small-tree.ts'

/**
 * Runs a program of the system to its end and tells how it went: work on many files or a slow disk stays out of the
 * daemon's own process.
 *
 * @throws GantryError internal with what the program wrote to standard error
 */
export async function runProgram(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: '/' })
  let said = ''
  child.stderr.on('data', (text: Buffer) => {
    said = (said + text.toString()).slice(-2048)
  })
  const how = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(code === 0 ? undefined : (signal ?? `status ${code}`)))
  })
  if (how === undefined) return
  throw new GantryError('internal', { action: `run ${program}`, reason: `${how}: ${said.trim()}` })
}

/** Children that delete at the same time: one tree that takes long does not hold up all others. */
const MAX_CHILDREN = 2
const MAX_BATCH = 100

/** A tree that has been thrown away. */
export interface Discarded {
  /** Resolves, never rejects, when the tree is deleted, or could not be. */
  readonly freed: Promise<void>
}

interface Batch {
  readonly places: string[]
  readonly freed: Promise<void>
  readonly done: () => void
}

/**
 * Removes trees: each is renamed into the trash, which frees its name at once, and deleted, by a child process unless it
 * is small. What a crash leaves in the trash is deleted at the next start.
 */
export class Trash {
  readonly #directory: string
  readonly #onError: (directory: string, error: unknown) => void
  readonly #waiting: Batch[] = []
  readonly #deleting = new Set<Promise<void>>()
  #children = 0

  /** @param directory on the file system of all that is thrown away */
  constructor(directory: string, onError: (directory: string, error: unknown) => void) {
    this.#directory = directory
    this.#onError = onError
  }

  /** Rename a tree away; resolves when its name is free, and tells when its space is. A missing tree is no error. */
  async discard(tree: string): Promise<Discarded> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    const place = path.join(this.#directory, randomUUID())
    try {
      await rename(tree, place)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return { freed: Promise.resolve() }
      throw new GantryError('internal', { action: 'remove', subject: tree, cause: error })
    }
    return { freed: this.#track(this.#delete(place)) }
  }

  #track(freed: Promise<void>): Promise<void> {
    this.#deleting.add(freed)
    freed.finally(() => this.#deleting.delete(freed))
    return freed
  }

  async #delete(place: string): Promise<void> {
    // What cannot be deleted here is the child's to tell of.
    const isGone = await removeSmallTree(place).catch(() => false)
    if (!isGone) await this.#schedule(place)
  }

  /** Delete what a former process left in the trash. */
  async empty(): Promise<void> {
    for (const name of await listIfThere(this.#directory)) this.#track(this.#schedule(path.join(this.#directory, name)))
  }

  /** Resolves when all that was thrown away is deleted. */
  async settled(): Promise<void> {
    await Promise.all(this.#deleting)
  }

  // A child process costs the daemon milliseconds. Where many trees go at once, those that come while children work
  // are gathered for the next.
  #schedule(place: string): Promise<void> {
    let batch = this.#waiting.at(-1)
    if (batch === undefined || batch.places.length >= MAX_BATCH) {
      const { promise, resolve } = Promise.withResolvers<void>()
      batch = { places: [], freed: promise, done: resolve }
      this.#waiting.push(batch)
      setImmediate(() => this.#next())
    }
    batch.places.push(place)
    return batch.freed
  }

  #next(): void {
    if (this.#children >= MAX_CHILDREN) return
    const batch = this.#waiting.shift()
    if (batch === undefined) return
    this.#children++
    runProgram('rm', ['-rf', '--one-file-system', '--', ...batch.places])
      .catch((error: unknown) => this.#onError(this.#directory, error))
      .finally(() => {
        this.#children--
        batch.done()
        this.#next()
      })
  }
}

/** The names in a directory; none where there is no directory. */
export async function listIfThere(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}
