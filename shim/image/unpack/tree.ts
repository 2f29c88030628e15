// SPDX-License-Identifier: Apache-2.0
import { lstatSync, mkdirSync, readlinkSync, rmSync, type Stats } from 'node:fs'
import { refused } from './failure.ts'
import { cPath } from './kernel.ts'
import { printable } from './tar-entry.ts'
import { splitPath } from './whiteout.ts'

/** As many links as the kernel itself follows in one path. */
const LINK_LIMIT = 40

/**
 * The tree being unpacked, below the current directory. Paths are byte strings relative to it, '' is its root. Every
 * parent is resolved here, component by component, so that an archive's own symbolic links lead nowhere but into the
 * tree. One process writes the tree, so what was seen stays so.
 */
export class Tree {
  /** Directories that no member described: created 0755 root, to take after a lower layer's (facts: missing parents). */
  readonly implicit = new Set<string>()
  /** Requested parent → real directory. */
  readonly #resolved = new Map<string, string>([['', '']])
  readonly #directories = new Set<string>([''])

  constructor() {
    this.implicit.add('')
  }

  /**
   * The real directory that the components name; missing ones are created.
   *
   * @throws GantryError invalid_argument when one is not a directory or links form a loop
   */
  resolve(components: readonly string[]): string {
    const key = components.join('/')
    const known = this.#resolved.get(key)
    if (known !== undefined) return known
    const real = this.#walk(components)
    this.#resolved.set(key, real)
    return real
  }

  /** As `resolve`, but undefined where a parent is not a real directory of this layer or is missing and a link. */
  resolveWithoutLinks(components: readonly string[]): string | undefined {
    let real = ''
    for (const component of components) {
      real = join(real, component)
      if (this.#directories.has(real)) continue
      const stats = statOf(real)
      if (stats === undefined) this.#create(real)
      else if (stats.isDirectory()) this.#directories.add(real)
      else return undefined
    }
    return real
  }

  /** Notes that `path` is a directory, made by a member. */
  addDirectory(path: string): void {
    this.#directories.add(path)
    this.implicit.delete(path)
  }

  /** Removes whatever is at `path`, never following it. */
  remove(path: string): void {
    rmSync(cPath(path), { recursive: true, force: true })
    this.#resolved.clear()
    this.#resolved.set('', '')
    if (!this.#directories.has(path)) return
    for (const set of [this.#directories, this.implicit]) {
      for (const known of set) if (known === path || known.startsWith(`${path}/`)) set.delete(known)
    }
  }

  #walk(components: readonly string[]): string {
    // A stack, next component last.
    const pending = components.toReversed()
    let real = ''
    let links = 0
    while (pending.length > 0) {
      const component = pending.pop() ?? ''
      if (component === '..') {
        real = dirname(real)
        continue
      }
      const next = join(real, component)
      if (this.#directories.has(next)) {
        real = next
        continue
      }
      const stats = statOf(next)
      if (stats?.isSymbolicLink()) {
        if (++links > LINK_LIMIT) throw refused('the path has too many symbolic links')
        const target = readlinkSync(cPath(next), 'latin1')
        if (target.startsWith('/')) real = ''
        pending.push(...splitPath(target).reverse())
        continue
      }
      if (stats === undefined) this.#create(next)
      else if (!stats.isDirectory()) throw refused(`${printable(next)} is not a directory`)
      else this.#directories.add(next)
      real = next
    }
    return real
  }

  #create(path: string): void {
    mkdirSync(cPath(path), 0o755)
    this.#directories.add(path)
    this.implicit.add(path)
  }
}

/** lstat, or undefined where nothing is. */
export function statOf(path: string): Stats | undefined {
  return lstatSync(cPath(path === '' ? '.' : path), { throwIfNoEntry: false })
}

/** A name below a directory of the tree. */
export function join(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`
}

function dirname(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash === -1 ? '' : path.slice(0, slash)
}
