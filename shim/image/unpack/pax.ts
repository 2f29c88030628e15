// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../../runtime-core/errors.ts'

/**
 * Parse the records of a PAX extended header (POSIX pax, §pax extended header): `<length> <key>=<value>\n`. Texts are
 * byte strings (latin1): names on Linux are bytes. Keys are returned in order, because GNU sparse 0.0 repeats them.
 *
 * @throws GantryError invalid_argument
 */
export function parsePaxRecords(bytes: Buffer): readonly (readonly [key: string, value: string])[] {
  const records: [string, string][] = []
  let at = 0
  while (at < bytes.length) {
    // Some writers pad the last record with NULs.
    if (bytes[at] === 0) break
    const space = bytes.indexOf(0x20, at)
    if (space === -1 || space - at > 10) throw bad('a record has no length')
    const length = Number(bytes.toString('latin1', at, space))
    const end = at + length
    if (!Number.isInteger(length) || end > bytes.length || end <= space + 1) throw bad('a record has a wrong length')
    if (bytes[end - 1] !== 0x0a) throw bad('a record does not end in a newline')
    const equals = bytes.indexOf(0x3d, space)
    if (equals === -1 || equals >= end) throw bad('a record has no "="')
    records.push([bytes.toString('latin1', space + 1, equals), bytes.toString('latin1', equals + 1, end - 1)])
    at = end
  }
  return records
}

/** What a PAX header changes in the entry that follows it. */
export interface PaxOverrides {
  path?: string
  linkPath?: string
  size?: number
  uid?: number
  gid?: number
  /** Seconds and nanoseconds. */
  mtime?: readonly [number, number]
  readonly xattrs: [name: string, value: Buffer][]
  readonly sparse: SparseHeader
}

/** The GNU sparse keys of a PAX header, all three versions. */
export interface SparseHeader {
  major?: number
  minor?: number
  name?: string
  realSize?: number
  /** Offset, length, offset, length … */
  map?: number[]
}

const XATTR_PREFIX = 'SCHILY.xattr.'

/** The meaning of the records. @throws GantryError invalid_argument */
export function readPaxOverrides(records: readonly (readonly [string, string])[]): PaxOverrides {
  const pax: PaxOverrides = { xattrs: [], sparse: {} }
  for (const [key, value] of records) {
    if (key.startsWith(XATTR_PREFIX)) {
      pax.xattrs.push([key.slice(XATTR_PREFIX.length), Buffer.from(value, 'latin1')])
    } else if (key.startsWith('GNU.sparse.')) readSparseKey(pax.sparse, key.slice('GNU.sparse.'.length), value)
    else if (key === 'path') pax.path = name(value)
    else if (key === 'linkpath') pax.linkPath = name(value)
    else if (key === 'size') pax.size = integer(value)
    else if (key === 'uid') pax.uid = integer(value)
    else if (key === 'gid') pax.gid = integer(value)
    else if (key === 'mtime') pax.mtime = parsePaxTime(value)
  }
  return pax
}

/** `1234567890.123456789` → seconds and nanoseconds, negative times too. */
export function parsePaxTime(text: string): readonly [number, number] {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text)
  if (match === null) throw bad(`time ${JSON.stringify(text)} is malformed`)
  const [, sign, whole = '', fraction = ''] = match
  const seconds = Number(whole)
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, '0'))
  if (sign !== '-') return [seconds, nanoseconds]
  return nanoseconds === 0 ? [-seconds, 0] : [-seconds - 1, 1_000_000_000 - nanoseconds]
}

/** A decimal number of a PAX record. */
export function integer(text: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value)) throw bad(`number ${JSON.stringify(text)} is malformed`)
  return value
}

function readSparseKey(sparse: SparseHeader, key: string, value: string): void {
  if (key === 'major') sparse.major = integer(value)
  else if (key === 'minor') sparse.minor = integer(value)
  else if (key === 'name') sparse.name = name(value)
  else if (key === 'size' || key === 'realsize') sparse.realSize = integer(value)
  else if (key === 'map') sparse.map = value === '' ? [] : value.split(',').map(integer)
  else if (key === 'offset' || key === 'numbytes') {
    sparse.map ??= []
    sparse.map.push(integer(value))
  }
}

function name(value: string): string {
  if (value.includes('\0')) throw bad('a name contains NUL')
  return value
}

function bad(reason: string): GantryError {
  return new GantryError('invalid_argument', { action: 'read tar', reason: `extended header: ${reason}` })
}
