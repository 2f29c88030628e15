// SPDX-License-Identifier: Apache-2.0
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { GantryError } from '../../runtime-core/errors.ts'

interface EntryBase {
  /** Path inside the image, with or without a leading slash; `..` is refused. */
  readonly path: string
  readonly uid?: number
  readonly gid?: number
  /** Seconds since the epoch; 0 where not given, so that equal content gives equal bytes. */
  readonly mtime?: number
  /** Extended attributes by full name (`security.capability`), stored as PAX `SCHILY.xattr.*` records. */
  readonly xattrs?: Readonly<Record<string, Uint8Array>>
}

/** One entry of a layer. `mode` holds permission bits with set-uid, set-gid and sticky. */
export type LayerEntry =
  | (EntryBase & { readonly kind: 'file'; readonly mode: number; readonly content: Uint8Array | string })
  | (EntryBase & { readonly kind: 'host-file'; readonly mode: number; readonly hostPath: string })
  | (EntryBase & { readonly kind: 'directory'; readonly mode: number })
  | (EntryBase & { readonly kind: 'symlink'; readonly target: string })
  | (EntryBase & { readonly kind: 'hardlink'; readonly target: string })
  | (EntryBase & { readonly kind: 'fifo'; readonly mode: number })
  | (EntryBase & {
      readonly kind: 'char' | 'block'
      readonly mode: number
      readonly major: number
      readonly minor: number
    })

const BLOCK = 512
const TYPE_FLAGS = {
  file: '0',
  'host-file': '0',
  hardlink: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
} as const
const MAX_OCTAL_SIZE = 0o77777777777
const MAX_OCTAL_ID = 0o7777777

/**
 * Writes `entries`, in the given order, as a POSIX tar archive (ustar with PAX records where a field does not fit).
 * The bytes depend on the entries only. A host file that changes its size meanwhile is an error.
 */
export async function* packTar(entries: Iterable<LayerEntry>): AsyncGenerator<Uint8Array> {
  for (const entry of entries) {
    const size = await sizeOf(entry)
    yield headersOf(entry, size)
    if (size === 0) continue
    yield* contentOf(entry, size)
    yield Buffer.alloc(padding(size))
  }
  yield Buffer.alloc(2 * BLOCK)
}

async function sizeOf(entry: LayerEntry): Promise<number> {
  if (entry.kind === 'file') return Buffer.byteLength(entry.content)
  if (entry.kind === 'host-file') return (await stat(entry.hostPath)).size
  return 0
}

async function* contentOf(entry: LayerEntry, size: number): AsyncGenerator<Uint8Array> {
  if (entry.kind === 'file') yield Buffer.from(entry.content)
  if (entry.kind !== 'host-file') return
  let read = 0
  for await (const chunk of createReadStream(entry.hostPath, { highWaterMark: 256 * 1024 })) {
    read += chunk.length
    yield chunk
  }
  if (read !== size) {
    throw new GantryError('failed_precondition', {
      action: 'pack file',
      subject: entry.hostPath,
      reason: `${read} bytes read where ${size} were announced`,
    })
  }
}

function headersOf(entry: LayerEntry, size: number): Buffer {
  const name = archiveName(entry)
  const link = linkName(entry)
  const records: [string, Uint8Array | string][] = []
  if (!fits(name)) records.push(['path', name])
  if (!fits(link)) records.push(['linkpath', link])
  if (size > MAX_OCTAL_SIZE) records.push(['size', String(size)])
  if ((entry.uid ?? 0) > MAX_OCTAL_ID) records.push(['uid', String(entry.uid)])
  if ((entry.gid ?? 0) > MAX_OCTAL_ID) records.push(['gid', String(entry.gid)])
  for (const key of Object.keys(entry.xattrs ?? {}).sort()) {
    records.push([`SCHILY.xattr.${key}`, entry.xattrs?.[key] ?? ''])
  }
  const header = ustarHeader({ entry, name, link, size, flag: TYPE_FLAGS[entry.kind] })
  return records.length === 0 ? header : Buffer.concat([paxHeader(entry, records), header])
}

function archiveName(entry: LayerEntry): string {
  const name = entry.path.replace(/^\/+/, '').replace(/\/+$/, '')
  if (name === '' || name.split('/').some((part) => part === '..' || part === '')) {
    throw new GantryError('invalid_argument', { action: 'pack entry', subject: entry.path, reason: 'not a clean path' })
  }
  return entry.kind === 'directory' ? `${name}/` : name
}

function linkName(entry: LayerEntry): string {
  if (entry.kind === 'symlink') return entry.target
  // A hard link names another entry of the same archive, so it is relative to the root as the names are.
  return entry.kind === 'hardlink' ? entry.target.replace(/^\/+/, '') : ''
}

// ustar's fields are ASCII of at most 100 bytes; the prefix field is not used: PAX says the same without a split.
function fits(text: string): boolean {
  return Buffer.byteLength(text) === text.length && text.length <= 100
}

function paxHeader(entry: LayerEntry, records: readonly (readonly [string, Uint8Array | string])[]): Buffer {
  const body = Buffer.concat(records.map(([key, value]) => paxRecord(key, Buffer.from(value))))
  const header = ustarHeader({ entry, name: 'PaxHeaders/entry', link: '', size: body.length, flag: 'x' })
  return Buffer.concat([header, body, Buffer.alloc(padding(body.length))])
}

/** `length key=value\n`, where length counts itself. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.byteLength(key) + value.length + 3
  let length = rest + String(rest).length
  if (rest + String(length).length !== length) length = rest + String(length).length
  return Buffer.concat([Buffer.from(`${length} ${key}=`), value, Buffer.from('\n')])
}

interface HeaderFields {
  readonly entry: LayerEntry
  readonly name: string
  readonly link: string
  readonly size: number
  readonly flag: string
}

function ustarHeader({ entry, name, link, size, flag }: HeaderFields): Buffer {
  const header = Buffer.alloc(BLOCK)
  const mode = 'mode' in entry ? entry.mode : 0o777
  header.write(fits(name) ? name : 'long-name', 0, 100)
  header.write(octal(flag === 'x' ? 0o644 : mode, 7), 100)
  header.write(octal(clamp(entry.uid ?? 0, MAX_OCTAL_ID), 7), 108)
  header.write(octal(clamp(entry.gid ?? 0, MAX_OCTAL_ID), 7), 116)
  header.write(octal(clamp(size, MAX_OCTAL_SIZE), 11), 124)
  header.write(octal(entry.mtime ?? 0, 11), 136)
  header.write(flag, 156)
  header.write(fits(link) ? link : 'long-link', 157, 100)
  header.write('ustar\u000000', 257, 'latin1')
  if (entry.kind === 'char' || entry.kind === 'block') {
    header.write(octal(entry.major, 7), 329)
    header.write(octal(entry.minor, 7), 337)
  }
  // The checksum is taken with its own field full of spaces.
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${octal(sum, 6)}\u0000 `, 148, 'latin1')
  return header
}

// A value that does not fit stands in a PAX record; its field then holds 0, which no reader uses.
function clamp(value: number, max: number): number {
  return value > max ? 0 : value
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK
}
