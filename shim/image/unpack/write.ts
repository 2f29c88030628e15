// SPDX-License-Identifier: Apache-2.0
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeSync,
} from 'node:fs'
import { errnoOf } from '../../../runtime-core/errors.ts'
import { exhausted, named, refused } from './failure.ts'
import { cPath, type Kernel, type Path } from './kernel.ts'
import { printable, type TarEntry, type TarSink } from './tar-entry.ts'
import { join, statOf, Tree } from './tree.ts'
import { judgePath, splitPath } from './whiteout.ts'
import { applyXattrs } from './xattr.ts'

/** Bounds on what one layer may make of the disk. */
export interface LayerLimits {
  readonly bytes: number
  readonly entries: number
}

/** What became of a layer. */
export interface LayerContents {
  /** Bytes on disk, estimated in whole blocks. */
  readonly bytes: number
  readonly inodes: number
  /** Byte strings; '' is the layer's root. Directories no member described, parents first. */
  readonly implicit: readonly string[]
}

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
const TYPE_BITS = { char: constants.S_IFCHR, block: constants.S_IFBLK, fifo: constants.S_IFIFO } as const
const DISK_BLOCK = 4096

/** Writes the members of one layer below the current directory, whiteouts in overlayfs's form. Synchronous. */
export class LayerWriter implements TarSink {
  readonly #kernel: Kernel
  readonly #limits: LayerLimits
  readonly #tree = new Tree()
  readonly #whiteouts = new Set<string>()
  readonly #opaque = new Set<string>()
  readonly #directoryTimes = new Map<string, readonly [number, number]>()
  #bytes = 0
  #inodes = 0
  #file: OpenFile | undefined

  /** The process's umask must be 0: modes are taken as they are. */
  constructor(kernel: Kernel, limits: LayerLimits) {
    this.#kernel = kernel
    this.#limits = limits
  }

  /** @throws GantryError invalid_argument (the archive), resource_exhausted (the disk or a limit) */
  begin(entry: TarEntry): void {
    if (++this.#inodes > this.#limits.entries) throw exhausted(`more than ${this.#limits.entries} members`)
    this.#bytes += Math.ceil((entry.extents === undefined ? entry.size : 0) / DISK_BLOCK) * DISK_BLOCK
    if (this.#bytes > this.#limits.bytes) throw exhausted(`more than ${this.#limits.bytes} bytes`)
    try {
      this.#place(entry)
    } catch (error) {
      throw named(entry.path, error)
    }
  }

  data(bytes: Buffer): void {
    const file = this.#file
    // Data of a skipped member (AUFS metadata) falls away.
    if (file === undefined) return
    try {
      this.#append(file, bytes)
    } catch (error) {
      throw named(file.entry.path, error)
    }
  }

  end(): void {
    const file = this.#file
    if (file === undefined) return
    this.#file = undefined
    try {
      this.#finishFile(file)
    } catch (error) {
      throw named(file.entry.path, error)
    } finally {
      closeSync(file.fd)
    }
  }

  /** Set the directories' times, which writing into them has moved, and say what there is. */
  finish(): LayerContents {
    for (const [path, [seconds, nanoseconds]] of this.#directoryTimes) {
      this.#kernel.setTimes(cPath(path === '' ? '.' : path), seconds, nanoseconds)
    }
    return { bytes: this.#bytes, inodes: this.#inodes, implicit: [...this.#tree.implicit].sort() }
  }

  /** Close what an abandoned layer left open. */
  abandon(): void {
    if (this.#file !== undefined) closeSync(this.#file.fd)
    this.#file = undefined
  }

  #place(entry: TarEntry): void {
    const meaning = judgePath(entry.path)
    if (meaning.kind === 'skip') return
    if (meaning.kind === 'whiteout') this.#whiteout(meaning.directory, meaning.name, entry)
    else if (meaning.kind === 'opaque') this.#markOpaque(this.#tree.resolveWithoutLinks(meaning.directory))
    else if (meaning.components.length === 0) this.#root(entry)
    else {
      const parent = this.#tree.resolve(meaning.components.slice(0, -1))
      this.#create(join(parent, meaning.components.at(-1) ?? ''), entry)
    }
  }

  #root(entry: TarEntry): void {
    if (entry.kind !== 'dir') throw refused('the root is not a directory')
    chmodSync('.', entry.mode)
    lchownSync('.', entry.uid, entry.gid)
    this.#finishDirectory('', '.', entry)
  }

  #create(path: string, entry: TarEntry): void {
    const at = cPath(path)
    const wasHidden = this.#whiteouts.delete(path)
    if (wasHidden) this.#tree.remove(path)
    switch (entry.kind) {
      case 'file':
        this.#file = {
          fd: this.#fresh(path, () => openSync(at, CREATE, entry.mode & 0o777)),
          at,
          entry,
          written: 0,
          extent: 0,
        }
        return
      case 'dir':
        this.#directory(path, at, entry)
        // The whiteout hid what lower layers have here: the directory that took its place hides it still.
        if (wasHidden) this.#markOpaque(path)
        return
      case 'hardlink':
        this.#hardLink(path, at, entry)
        return
      case 'symlink':
        this.#fresh(path, () => symlinkSync(cPath(entry.linkPath), at))
        break
      default:
        this.#fresh(path, () =>
          this.#kernel.mknod(
            at,
            TYPE_BITS[entry.kind as keyof typeof TYPE_BITS] | (entry.mode & 0o777),
            entry.major,
            entry.minor,
          ),
        )
    }
    if (entry.uid !== 0 || entry.gid !== 0) lchownSync(at, entry.uid, entry.gid)
    if (entry.kind !== 'symlink' && (entry.mode & 0o7000) !== 0) chmodSync(at, entry.mode)
    applyXattrs(this.#kernel, at, entry)
    this.#kernel.setTimes(at, entry.mtime[0], entry.mtime[1])
  }

  /** Create something new at `path`; what an earlier member left there goes first. */
  #fresh<T>(path: string, create: () => T): T {
    try {
      return create()
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
    }
    this.#forgetBelow(path)
    this.#tree.remove(path)
    return create()
  }

  #directory(path: string, at: Path, entry: TarEntry): void {
    const make = () => mkdirSync(at, entry.mode & 0o777)
    try {
      make()
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
      // A directory met again takes the attributes of the later member.
      if (statOf(path)?.isDirectory() !== true) this.#fresh(path, make)
      else {
        chmodSync(at, entry.mode)
        lchownSync(at, entry.uid, entry.gid)
      }
    }
    if (entry.uid !== 0 || entry.gid !== 0) lchownSync(at, entry.uid, entry.gid)
    this.#finishDirectory(path, at, entry)
  }

  #finishDirectory(path: string, at: Path, entry: TarEntry): void {
    this.#tree.addDirectory(path)
    if ((entry.mode & 0o7000) !== 0) chmodSync(at, entry.mode)
    applyXattrs(this.#kernel, at, entry)
    this.#directoryTimes.set(path, entry.mtime)
  }

  #hardLink(path: string, at: Path, entry: TarEntry): void {
    const components = splitPath(entry.linkPath)
    const reason = `its hard link target ${printable(entry.linkPath)}`
    if (components.length === 0 || components.includes('..')) throw refused(`${reason} is outside the layer`)
    const target = join(this.#tree.resolve(components.slice(0, -1)), components.at(-1) ?? '')
    if (target === path) return
    const stats = statOf(target)
    if (stats === undefined || this.#whiteouts.has(target)) throw refused(`${reason} is not in the layer`)
    if (stats.isDirectory()) throw refused(`${reason} is a directory`)
    this.#fresh(path, () => linkSync(cPath(target), at))
  }

  #whiteout(directory: readonly string[], name: string, entry: TarEntry): void {
    // A parent that is a link or a file in this layer hides the lower directory as a whole already.
    const parent = this.#tree.resolveWithoutLinks(directory)
    if (parent === undefined) return
    const path = join(parent, name)
    const stats = statOf(path)
    if (stats?.isDirectory()) this.#markOpaque(path)
    // Anything else of this layer hides the lower one by being there.
    if (stats !== undefined) return
    const at = cPath(path)
    this.#kernel.mknod(at, constants.S_IFCHR, 0, 0)
    if (entry.uid !== 0 || entry.gid !== 0) lchownSync(at, entry.uid, entry.gid)
    this.#whiteouts.add(path)
  }

  #markOpaque(path: string | undefined): void {
    if (path === undefined || this.#opaque.has(path)) return
    this.#kernel.setXattr(cPath(path === '' ? '.' : path), 'trusted.overlay.opaque', Buffer.from('y'))
    this.#opaque.add(path)
  }

  #forgetBelow(path: string): void {
    for (const known of [this.#directoryTimes, this.#whiteouts, this.#opaque]) {
      for (const key of known.keys()) if (key === path || key.startsWith(`${path}/`)) known.delete(key)
    }
  }

  #append(file: OpenFile, bytes: Buffer): void {
    if (file.entry.extents !== undefined) {
      this.#bytes += bytes.length
      if (this.#bytes > this.#limits.bytes) throw exhausted(`more than ${this.#limits.bytes} bytes`)
      this.#appendSparse(file, file.entry.extents, bytes)
      return
    }
    for (let at = 0; at < bytes.length; ) at += writeSync(file.fd, bytes, at, bytes.length - at)
    file.written += bytes.length
  }

  #appendSparse(file: OpenFile, extents: NonNullable<TarEntry['extents']>, bytes: Buffer): void {
    let at = 0
    while (at < bytes.length) {
      const extent = extents[file.extent]
      if (extent === undefined) throw refused('its data is longer than its map')
      const room = extent.length - file.written
      if (room === 0) {
        file.extent++
        file.written = 0
        continue
      }
      const length = Math.min(room, bytes.length - at)
      const done = writeSync(file.fd, bytes, at, length, extent.offset + file.written)
      at += done
      file.written += done
    }
  }

  #finishFile({ fd, at, entry }: OpenFile): void {
    if (entry.extents !== undefined) ftruncateSync(fd, entry.size)
    if (entry.uid !== 0 || entry.gid !== 0) fchownSync(fd, entry.uid, entry.gid)
    // After chown, which clears them (chown(2)).
    if ((entry.mode & 0o7000) !== 0) fchmodSync(fd, entry.mode)
    applyXattrs(this.#kernel, at, entry)
    this.#kernel.setTimesOfFd(fd, entry.mtime[0], entry.mtime[1])
  }
}

interface OpenFile {
  readonly fd: number
  readonly at: Path
  readonly entry: TarEntry
  /** Bytes written: of the file, or of the current extent. */
  written: number
  extent: number
}
