// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../../runtime-core/errors.ts'

/** Bytes of a tar block. */
export const BLOCK = 512

/** The fields of one 512-byte header, before extensions are applied. Texts are byte strings (latin1). */
export interface RawHeader {
  readonly name: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly mtime: number
  readonly type: string
  readonly linkName: string
  readonly major: number
  readonly minor: number
}

/**
 * Read one header block and verify its checksum.
 *
 * @throws GantryError invalid_argument
 */
export function readHeader(block: Buffer, at: number): RawHeader {
  verifyChecksum(block, at)
  const magic = block.toString('latin1', at + 257, at + 265)
  const isUstar = magic.startsWith('ustar\0')
  const isGnu = magic === 'ustar  \0'
  const name = text(block, at, 100)
  const prefix = isUstar ? text(block, at + 345, 155) : ''
  const hasDevice = isUstar || isGnu
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    mode: number(block, at + 100, 8),
    uid: number(block, at + 108, 8),
    gid: number(block, at + 116, 8),
    size: number(block, at + 124, 12),
    mtime: number(block, at + 136, 12, true),
    type: String.fromCharCode(block[at + 156] ?? 0),
    linkName: text(block, at + 157, 100),
    major: hasDevice ? number(block, at + 329, 8) : 0,
    minor: hasDevice ? number(block, at + 337, 8) : 0,
  }
}

/** True for a block of zeros: the end of the archive. */
export function isZeroBlock(block: Buffer, at: number): boolean {
  for (let i = at; i < at + BLOCK; i += 4) if (block.readUInt32LE(i) !== 0) return false
  return true
}

/**
 * One numeric field: octal text, or base-256 when the first byte's high bit is set (GNU, star).
 *
 * @throws GantryError invalid_argument
 */
export function number(block: Buffer, at: number, width: number, signed = false): number {
  const first = block[at] ?? 0
  if ((first & 0x80) !== 0) return base256(block, at, width, first, signed)
  let value = 0
  let i = at
  const end = at + width
  while (i < end && block[i] === 0x20) i++
  for (; i < end; i++) {
    const digit = (block[i] ?? 0) - 0x30
    if (digit < 0 || digit > 7) break
    value = value * 8 + digit
  }
  if (i < end && block[i] !== 0 && block[i] !== 0x20) throw bad('a number in a header is malformed')
  return value
}

function base256(block: Buffer, at: number, width: number, first: number, signed: boolean): number {
  const negative = (first & 0x40) !== 0
  if (negative && !signed) throw bad('a number in a header is negative')
  let value = negative ? (first & 0x7f) - 0x80 : first & 0x3f
  for (let i = at + 1; i < at + width; i++) {
    value = value * 256 + (block[i] ?? 0)
    if (!Number.isSafeInteger(value)) throw bad('a number in a header is too large')
  }
  return value
}

function verifyChecksum(block: Buffer, at: number): void {
  const stated = number(block, at + 148, 8)
  let unsigned = 0
  let highBytes = 0
  for (let i = at; i < at + BLOCK; i++) {
    const byte = block[i] ?? 0
    unsigned += byte
    if (byte > 127) highBytes++
  }
  // The checksum field itself counts as eight spaces.
  for (let i = at + 148; i < at + 156; i++) {
    const byte = block[i] ?? 0
    unsigned += 0x20 - byte
    if (byte > 127) highBytes--
  }
  // Old writers summed signed bytes.
  if (stated !== unsigned && stated !== unsigned - 256 * highBytes) throw bad('a header has a wrong checksum')
}

function text(block: Buffer, at: number, width: number): string {
  let end = at
  while (end < at + width && block[end] !== 0) end++
  return block.toString('latin1', at, end)
}

function bad(reason: string): GantryError {
  return new GantryError('invalid_argument', { action: 'read tar', reason })
}
