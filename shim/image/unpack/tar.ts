// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../../runtime-core/errors.ts'
import { type PaxOverrides, parsePaxRecords, readPaxOverrides } from './pax.ts'
import {
  type Extent,
  hasExtension,
  oldRealSize,
  pairExtents,
  readOldExtents,
  SparseMapReader,
  verifyExtents,
} from './sparse.ts'
import { type EntryKind, printable, type TarEntry, type TarSink } from './tar-entry.ts'
import { BLOCK, isZeroBlock, type RawHeader, readHeader } from './tar-header.ts'

const KINDS: Readonly<Record<string, EntryKind>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'dir',
  D: 'dir',
  '6': 'fifo',
}
/** An extended header holds names and xattrs: the kernel's own limits add up to far less. */
const META_LIMIT = 1024 * 1024

type State = 'header' | 'meta' | 'old-sparse' | 'sparse-map' | 'body' | 'skip' | 'done'

interface Pending {
  readonly header: RawHeader
  readonly pax: PaxOverrides | undefined
  readonly extents: Extent[]
  readonly realSize: number
}

/**
 * A push parser for ustar, PAX, GNU and old V7 archives. Feed it bytes as they come; it calls the sink. It holds at
 * most one block and one extended header.
 */
export class TarReader {
  readonly #sink: TarSink
  readonly #block = Buffer.alloc(BLOCK)
  #filled = 0
  #state: State = 'header'
  /** Bytes of the current member still to come, and of the padding after it. */
  #remaining = 0
  #padding = 0
  #meta: { type: string; parts: Buffer[] } | undefined
  #pax: PaxOverrides | undefined
  #longName: string | undefined
  #longLink: string | undefined
  #pending: Pending | undefined
  #map: SparseMapReader | undefined

  constructor(sink: TarSink) {
    this.#sink = sink
  }

  /** Take the next bytes of the archive. @throws GantryError invalid_argument, or what the sink throws */
  feed(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && this.#state !== 'done') {
      if (this.#state === 'body' || this.#state === 'meta') at = this.#takeData(chunk, at)
      else if (this.#state === 'skip') at = this.#skip(chunk, at)
      else at = this.#takeBlock(chunk, at)
    }
  }

  /** Say that no more bytes come. @throws GantryError invalid_argument when the archive ends inside a member */
  finish(): void {
    const isBetween = this.#state === 'header' && this.#filled === 0 && !this.#hasExtensions()
    if (this.#state !== 'done' && !isBetween) throw bad('the archive is truncated')
  }

  #takeBlock(chunk: Buffer, at: number): number {
    if (this.#filled === 0 && chunk.length - at >= BLOCK) {
      this.#onBlock(chunk, at)
      return at + BLOCK
    }
    const end = Math.min(chunk.length, at + BLOCK - this.#filled)
    this.#filled += chunk.copy(this.#block, this.#filled, at, end)
    if (this.#filled === BLOCK) {
      this.#filled = 0
      this.#onBlock(this.#block, 0)
    }
    return end
  }

  #onBlock(block: Buffer, at: number): void {
    if (this.#state === 'header') this.#onHeader(block, at)
    else if (this.#state === 'old-sparse') this.#onOldSparse(block, at)
    else this.#onSparseMap(block, at)
  }

  #onHeader(block: Buffer, at: number): void {
    if (isZeroBlock(block, at)) {
      // One zero block is taken for the end, as GNU tar and Go do.
      if (this.#hasExtensions()) throw bad('an extended header has no member')
      this.#state = 'done'
      return
    }
    const header = readHeader(block, at)
    const { type } = header
    if (type === 'x' || type === 'g' || type === 'L' || type === 'K') this.#beginMeta(header)
    else if (type === 'S') this.#beginOldSparse(header, block, at)
    else this.#beginMember(header)
  }

  #beginMeta({ type, size }: RawHeader): void {
    if (type === 'g') {
      this.#begin('skip', size)
      return
    }
    if (size > META_LIMIT) throw bad(`an extended header is larger than ${META_LIMIT} bytes`)
    this.#meta = { type, parts: [] }
    this.#begin('meta', size)
    if (size === 0) this.#endMeta()
  }

  #endMeta(): void {
    const meta = this.#meta
    if (meta === undefined) throw bad('an extended header is out of place')
    this.#meta = undefined
    const bytes = Buffer.concat(meta.parts)
    if (meta.type === 'x') this.#pax = readPaxOverrides(parsePaxRecords(bytes))
    else {
      const nul = bytes.indexOf(0)
      const text = bytes.toString('latin1', 0, nul === -1 ? bytes.length : nul)
      if (meta.type === 'L') this.#longName = text
      else this.#longLink = text
    }
  }

  #beginOldSparse(header: RawHeader, block: Buffer, at: number): void {
    const extents = readOldExtents(block, at + 386, 4)
    this.#pending = { header, pax: this.#pax, extents, realSize: oldRealSize(block, at) }
    if (hasExtension(block, at, true)) this.#state = 'old-sparse'
    else this.#emitSparse(this.#storedSize(header))
  }

  #onOldSparse(block: Buffer, at: number): void {
    const pending = this.#pending
    if (pending === undefined) throw bad('a sparse extension is out of place')
    pending.extents.push(...readOldExtents(block, at, 21))
    if (pending.extents.length > 1_000_000) throw bad('sparse file: it has too many extents')
    if (!hasExtension(block, at, false)) this.#emitSparse(this.#storedSize(pending.header))
  }

  #beginMember(header: RawHeader): void {
    const pax = this.#pax
    const sparse = pax?.sparse
    if (sparse?.major === 1 && KINDS[header.type] === 'file') {
      this.#pending = { header, pax, extents: [], realSize: sparse.realSize ?? 0 }
      this.#map = new SparseMapReader()
      this.#state = 'sparse-map'
    } else if (sparse?.map !== undefined && KINDS[header.type] === 'file') {
      const extents = pairExtents(sparse.map)
      this.#pending = { header, pax, extents, realSize: sparse.realSize ?? 0 }
      this.#emitSparse(this.#storedSize(header))
    } else this.#emit(header, this.#storedSize(header), undefined)
  }

  #onSparseMap(block: Buffer, at: number): void {
    const extents = this.#map?.feed(block, at)
    const pending = this.#pending
    if (this.#map === undefined || pending === undefined) throw bad('a sparse map is out of place')
    const stored = this.#storedSize(pending.header) - this.#map.consumed
    if (stored < 0) throw bad('sparse file: its map is longer than its data')
    if (extents === undefined) return
    this.#map = undefined
    this.#pending = { ...pending, extents }
    this.#emitSparse(stored)
  }

  #emitSparse(stored: number): void {
    const pending = this.#pending
    if (pending === undefined) throw bad('a sparse file is out of place')
    this.#pending = undefined
    // Writers may close the map with an empty extent at the end of the file.
    const extents = pending.extents
    verifyExtents(extents, pending.realSize, stored)
    this.#emit(pending.header, stored, { extents, realSize: pending.realSize })
  }

  #emit(header: RawHeader, stored: number, sparse: { extents: Extent[]; realSize: number } | undefined): void {
    const entry = this.#entry(header, stored, sparse)
    const body = entry.kind === 'file' ? stored : 0
    this.#pax = undefined
    this.#longName = undefined
    this.#longLink = undefined
    this.#sink.begin(entry)
    this.#begin('body', body)
    if (body === 0) this.#endBody()
  }

  #entry(header: RawHeader, stored: number, sparse: { extents: Extent[]; realSize: number } | undefined): TarEntry {
    const pax = this.#pax
    const path = pax?.sparse.name ?? pax?.path ?? this.#longName ?? header.name
    let kind = KINDS[header.type]
    if (kind === undefined) throw bad(`member ${printable(path)} has the unknown type ${printable(header.type)}`)
    // V7 archives mark directories by a slash at the end.
    if (header.type === '\0' && path.endsWith('/')) kind = 'dir'
    return {
      kind,
      path,
      linkPath: pax?.linkPath ?? this.#longLink ?? header.linkName,
      mode: header.mode & 0o7777,
      uid: id(pax?.uid ?? header.uid, path),
      gid: id(pax?.gid ?? header.gid, path),
      size: sparse?.realSize ?? (kind === 'file' ? stored : 0),
      mtime: pax?.mtime ?? [header.mtime, 0],
      major: header.major,
      minor: header.minor,
      xattrs: pax?.xattrs ?? [],
      extents: sparse?.extents,
    }
  }

  #storedSize(header: RawHeader): number {
    return this.#pax?.size ?? header.size
  }

  #begin(state: State, size: number): void {
    this.#state = state
    this.#remaining = size
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK
    if (state === 'skip' || size === 0) this.#beginSkip(size)
  }

  #beginSkip(size: number): void {
    this.#remaining = size + this.#padding
    this.#padding = 0
    this.#state = this.#remaining === 0 ? 'header' : 'skip'
  }

  #takeData(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#remaining)
    const piece = chunk.subarray(at, end)
    this.#remaining -= piece.length
    // A piece kept past this call is copied: the chunk is reused by its owner.
    if (this.#state === 'meta') this.#meta?.parts.push(Buffer.from(piece))
    else this.#sink.data(piece)
    if (this.#remaining === 0) {
      if (this.#state === 'meta') this.#endMeta()
      else this.#endBody()
      this.#beginSkip(0)
    }
    return end
  }

  #endBody(): void {
    this.#sink.end()
  }

  #skip(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#remaining)
    this.#remaining -= end - at
    if (this.#remaining === 0) this.#state = 'header'
    return end
  }

  #hasExtensions(): boolean {
    return this.#pax !== undefined || this.#longName !== undefined || this.#longLink !== undefined
  }
}

function id(value: number, path: string): number {
  // 2^32-1 is the kernel's "no id": chown would ignore it.
  if (value >= 0xffffffff) throw bad(`member ${printable(path)} has the owner ${value}`)
  return value
}

function bad(reason: string): GantryError {
  return new GantryError('invalid_argument', { action: 'read tar', reason })
}
