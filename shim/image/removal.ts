// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename } from 'node:fs/promises'
import path from 'node:path'
import { errnoOf, GantryError } from '../../runtime-core/errors.ts'

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

/** How long trees are gathered before one child deletes them, and how many at most. */
const GATHER_MS = 1000
const MAX_BATCH = 100

/**
 * Removes trees: each is renamed into the trash, which frees its name at once, and deleted by a child process. What a
 * crash leaves in the trash is deleted at the next start.
 */
export class Trash {
  readonly #directory: string
  readonly #onError: (directory: string, error: unknown) => void
  #tail: Promise<void> = Promise.resolve()
  #gathered: string[] = []
  #timer: NodeJS.Timeout | undefined

  /** @param directory on the file system of all that is thrown away */
  constructor(directory: string, onError: (directory: string, error: unknown) => void) {
    this.#directory = directory
    this.#onError = onError
  }

  /** Rename a tree away; resolves when its name is free. Its space is freed later. A missing tree is no error. */
  async discard(tree: string): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    const place = path.join(this.#directory, randomUUID())
    try {
      await rename(tree, place)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return
      throw new GantryError('internal', { action: 'remove', subject: tree, cause: error })
    }
    this.#schedule(place)
  }

  /** Delete what a former process left in the trash. */
  async empty(): Promise<void> {
    for (const name of await listIfThere(this.#directory)) this.#schedule(path.join(this.#directory, name))
  }

  /** Resolves when all that was thrown away is deleted. */
  async settled(): Promise<void> {
    this.#flush()
    await this.#tail
  }

  // Gathered, for a child process costs the daemon milliseconds: it is one for many containers that go at once.
  #schedule(place: string): void {
    this.#gathered.push(place)
    if (this.#gathered.length >= MAX_BATCH) this.#flush()
    else this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS).unref()
  }

  // One batch at a time: deleting is never urgent, and the disk has better things to do.
  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const places = this.#gathered
    if (places.length === 0) return
    this.#gathered = []
    this.#tail = this.#tail.then(async () => {
      try {
        await runProgram('rm', ['-rf', '--one-file-system', '--', ...places])
      } catch (error) {
        this.#onError(this.#directory, error)
      }
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
