// SPDX-License-Identifier: Apache-2.0
import { lstat, mkdir, readdir, realpath, rm } from 'node:fs/promises'
import { basename, join, resolve, sep } from 'node:path'
import type { LayerEntry } from '../../deploy/image/tar.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import { runCommand } from './command.ts'
import { readElfNeeds } from './elf.ts'

/**
 * Files of Debian packages, unpacked below one directory and never installed. Packages come from the machine's own
 * package sources, so the images follow the distribution that builds them.
 */
export class DebianFiles {
  readonly root: string
  readonly #libraries: ReadonlyMap<string, string>

  private constructor(root: string, libraries: ReadonlyMap<string, string>) {
    this.root = root
    this.#libraries = libraries
  }

  /** Downloads `packages` and the libraries they depend on, and unpacks them below `directory`. */
  static async fetch(packages: readonly string[], directory: string): Promise<DebianFiles> {
    const root = join(directory, 'root')
    const archives = join(directory, 'archives')
    await rm(directory, { recursive: true, force: true })
    await mkdir(root, { recursive: true })
    await mkdir(archives, { recursive: true })
    await ensurePackageLists(packages)
    const closure = await withLibraries(packages)
    // apt's own sandbox user may not write to a private directory; without the option it says so on each run.
    await runCommand('apt-get', ['-q', '-o', 'APT::Sandbox::User=root', 'download', ...closure], archives)
    for (const name of (await readdir(archives)).sort()) {
      await runCommand('dpkg-deb', ['-x', join(archives, name), root])
    }
    await rm(archives, { recursive: true })
    return new DebianFiles(await realpath(root), await findLibraries(root))
  }

  /** The host path of a file of the packages, by its path in the image; links are followed inside the packages. */
  async hostPath(path: string): Promise<string> {
    for (const candidate of [path, join('usr', path)]) {
      const found = await realpath(join(this.root, candidate)).catch(() => undefined)
      if (found?.startsWith(this.root + sep)) return found
    }
    throw new GantryError('not_found', { action: 'find file of debian packages', subject: path })
  }

  /** Entries for the given programs with the libraries and the dynamic linker they load, none twice. */
  async programs(paths: readonly string[]): Promise<LayerEntry[]> {
    const found = new Map<string, string>()
    for (const path of paths) await this.#collect(path, await this.hostPath(path), found)
    return [...found].sort(byPath).map(([path, hostPath]) => ({ kind: 'host-file', path, mode: 0o755, hostPath }))
  }

  async #collect(path: string, hostPath: string, found: Map<string, string>): Promise<void> {
    if (found.has(path)) return
    found.set(path, hostPath)
    const needs = await readElfNeeds(hostPath)
    if (needs.interpreter !== undefined) found.set(needs.interpreter, await this.#library(basename(needs.interpreter)))
    for (const name of needs.libraries) {
      const library = await this.#library(name)
      const directory = /\/(lib\/[^/]+-linux-gnu[^/]*)\//.exec(library)?.[1] ?? 'lib'
      await this.#collect(`/${directory}/${name}`, library, found)
    }
  }

  #library(name: string): Promise<string> {
    const path = this.#libraries.get(name)
    if (path === undefined)
      throw new GantryError('not_found', { action: 'find library of debian packages', subject: name })
    return realpath(path)
  }
}

function byPath([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1
}

// A fresh machine or container knows no packages until its lists are fetched once, which only root may do.
async function ensurePackageLists(packages: readonly string[]): Promise<void> {
  const listed = await runCommand('apt-cache', ['show', '--no-all-versions', ...packages]).catch(() => '')
  if (listed === '' && process.getuid?.() === 0) await runCommand('apt-get', ['-q', 'update'])
}

/** `packages` and, through their `Depends`, every package that can hold a library they load. */
async function withLibraries(packages: readonly string[]): Promise<string[]> {
  const known = new Set<string>(packages)
  const open = [...packages]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const text = await runCommand('apt-cache', ['depends', '--important', name])
    for (const [, dependency] of text.matchAll(/^ {2,}\|?(?:Pre)?Depends: (\S+)$/gm)) {
      if (dependency === undefined || known.has(dependency) || !/^(lib(?!.*-perl$)|zlib)/.test(dependency)) continue
      known.add(dependency)
      open.push(dependency)
    }
  }
  return [...known].sort()
}

async function findLibraries(root: string): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const top of ['lib', 'lib64', 'usr/lib', 'usr/lib64']) {
    const directory = resolve(root, top)
    const exists = await lstat(directory).catch(() => undefined)
    if (exists === undefined) continue
    for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
      if (entry.name.includes('.so')) found.set(entry.name, join(entry.parentPath, entry.name))
    }
  }
  return found
}
