// SPDX-License-Identifier: Apache-2.0
import { constants, type Stats } from 'node:fs'
import { lstat, open, readlink } from 'node:fs/promises'
import { errnoOf, GantryError } from '../../runtime-core/errors.ts'

const LINK_LIMIT = 40
const COMPONENT_LIMIT = 4096

/** A host path as bytes: names in layers need not be UTF-8. */
type HostPath = Buffer

/** What stands at a path of the layered view. */
interface Found {
  /** Directories of the layers that make up the thing, newest first; one for anything but a directory. */
  readonly hostPaths: readonly HostPath[]
  readonly stats: Stats
}

/**
 * Looks through layers as overlayfs would show them, without mounting: whiteouts, opaque directories and symbolic
 * links are resolved inside the view, never on the host. Layers never change once they are in place, so what is looked
 * up component by component stays true.
 */
export class LayeredView {
  readonly #directories: readonly HostPath[]
  readonly #isOpaque: (directory: HostPath) => boolean

  /**
   * @param directories of the layers, newest first
   * @param isOpaque whether a layer's directory hides what lies below it (trusted.overlay.opaque)
   */
  constructor(directories: readonly string[], isOpaque: (directory: Buffer) => boolean) {
    this.#directories = directories.map((directory) => Buffer.from(directory))
    this.#isOpaque = isOpaque
  }

  /**
   * The beginning of a regular file.
   *
   * @returns undefined when there is no such file
   * @throws GantryError failed_precondition (not a regular file, too large, links in a loop)
   */
  async readFile(file: string, options: { limitBytes: number }): Promise<Buffer | undefined> {
    const found = await this.#resolve(file)
    if (found === undefined) return undefined
    const [hostPath] = found.hostPaths
    if (hostPath === undefined) return undefined
    if (!found.stats.isFile()) throw bad(file, 'it is not a regular file')
    if (found.stats.size > options.limitBytes) throw bad(file, `it is larger than ${options.limitBytes} bytes`)
    const handle = await open(hostPath, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      return await handle.readFile()
    } finally {
      await handle.close()
    }
  }

  /**
   * The directories of the layers that together are the directory at a path, newest first: laid over each other by
   * overlayfs they show it. Undefined when something else or nothing is there.
   */
  async directories(path: string): Promise<string[] | undefined> {
    const found = await this.#resolve(path)
    return found?.stats.isDirectory() === true
      ? found.hostPaths.map((hostPath) => hostPath.toString('utf8'))
      : undefined
  }

  /** Attributes of what stands at a path, links followed; undefined when nothing does. */
  async stat(file: string): Promise<Stats | undefined> {
    return (await this.#resolve(file))?.stats
  }

  /**
   * Attributes of a directory, no link followed; undefined when something else or nothing is there.
   *
   * @param components byte strings (latin1)
   */
  async directoryStats(components: readonly string[]): Promise<Stats | undefined> {
    let here: Found | undefined = await this.#root()
    for (const component of components) {
      if (here?.stats.isDirectory() !== true) return undefined
      here = await this.#child(here, component)
    }
    return here?.stats.isDirectory() === true ? here.stats : undefined
  }

  async #resolve(file: string): Promise<Found | undefined> {
    const pending = Buffer.from(file).toString('latin1').split('/').filter(isName).reverse()
    const root = await this.#root()
    // Ancestors of the current place, for "..".
    let trail: Found[] = [root]
    let links = 0
    let steps = 0
    while (pending.length > 0) {
      if (++steps > COMPONENT_LIMIT) throw bad(file, 'its path is too long')
      const name = pending.pop() ?? ''
      if (name === '..') {
        if (trail.length > 1) trail = trail.slice(0, -1)
        continue
      }
      const here = trail.at(-1) ?? root
      if (!here.stats.isDirectory()) return undefined
      const next = await this.#child(here, name)
      if (next === undefined) return undefined
      if (!next.stats.isSymbolicLink()) {
        trail = [...trail, next]
        continue
      }
      if (++links > LINK_LIMIT) throw bad(file, 'too many symbolic links')
      const target = await readlink(next.hostPaths[0] ?? '', 'latin1')
      if (target.startsWith('/')) trail = [root]
      pending.push(...target.split('/').filter(isName).reverse())
    }
    return trail.at(-1)
  }

  async #root(): Promise<Found> {
    const [newest] = this.#directories
    if (newest === undefined)
      throw new GantryError('internal', { action: 'look into an image', reason: 'it has no layers' })
    return { hostPaths: this.#untilOpaque(this.#directories), stats: await lstat(newest) }
  }

  /** A name in a directory: the newest layer that has it decides, directories merge down to an opaque one. */
  async #child(directory: Found, name: string): Promise<Found | undefined> {
    const merged: HostPath[] = []
    let stats: Stats | undefined
    for (const parent of directory.hostPaths) {
      const hostPath = join(parent, name)
      const here = await lstatIfThere(hostPath)
      if (here === undefined) continue
      if (isWhiteout(here)) break
      if (stats !== undefined && !here.isDirectory()) break
      stats ??= here
      merged.push(hostPath)
      if (!here.isDirectory() || this.#isOpaque(hostPath)) break
    }
    return stats === undefined ? undefined : { hostPaths: merged, stats }
  }

  #untilOpaque(directories: readonly HostPath[]): HostPath[] {
    const merged: HostPath[] = []
    for (const directory of directories) {
      merged.push(directory)
      if (this.#isOpaque(directory)) break
    }
    return merged
  }
}

function isName(component: string): boolean {
  return component !== '' && component !== '.'
}

/** Overlayfs's mark of a deleted name: a character device 0:0. */
function isWhiteout(stats: Stats): boolean {
  return stats.isCharacterDevice() && stats.rdev === 0
}

/** `name` is a byte string. */
function join(parent: HostPath, name: string): HostPath {
  return Buffer.concat([parent, Buffer.from(`/${name}`, 'latin1')])
}

async function lstatIfThere(hostPath: HostPath): Promise<Stats | undefined> {
  try {
    return await lstat(hostPath)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'ENAMETOOLONG') return undefined
    throw error
  }
}

function bad(file: string, reason: string): GantryError {
  return new GantryError('failed_precondition', { action: 'read from image', subject: file, reason })
}
