// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../../runtime-core/errors.ts'
import { BLOCK, number } from './tar-header.ts'

/** One stretch of real data in a sparse file. */
export interface Extent {
  readonly offset: number
  readonly length: number
}

/** More than any writer makes of a real file; each costs one write. */
const EXTENT_LIMIT = 1_000_000

/** The up to `count` extents at `at` of an old-GNU sparse header or extension block. */
export function readOldExtents(block: Buffer, at: number, count: number): Extent[] {
  const extents: Extent[] = []
  for (let i = 0; i < count; i++) {
    const entry = at + i * 24
    if (block[entry] === 0) break
    extents.push({ offset: number(block, entry, 12), length: number(block, entry + 12, 12) })
  }
  return extents
}

/** True when an old-GNU extension block follows. */
export function hasExtension(block: Buffer, at: number, isFirst: boolean): boolean {
  return block[at + (isFirst ? 482 : 504)] === 1
}

/** The real size in an old-GNU sparse header. */
export function oldRealSize(block: Buffer, at: number): number {
  return number(block, at + 483, 12)
}

/** Offset, length, offset, length … as extents. @throws GantryError invalid_argument */
export function pairExtents(numbers: readonly number[]): Extent[] {
  if (numbers.length % 2 !== 0) throw bad('its map is odd')
  const extents: Extent[] = []
  for (let i = 0; i < numbers.length; i += 2) extents.push({ offset: numbers[i] ?? 0, length: numbers[i + 1] ?? 0 })
  return extents
}

/**
 * Extents must ascend, stay inside the file and add up to the data stored.
 *
 * @throws GantryError invalid_argument
 */
export function verifyExtents(extents: readonly Extent[], realSize: number, stored: number): void {
  if (extents.length > EXTENT_LIMIT) throw bad(`it has more than ${EXTENT_LIMIT} extents`)
  let end = 0
  let total = 0
  for (const { offset, length } of extents) {
    if (offset < end || offset + length > realSize) throw bad('its map is out of order or out of the file')
    end = offset + length
    total += length
  }
  if (total !== stored) throw bad('its map does not agree with the data stored')
}

/**
 * The map of PAX format 1.0: decimal lines at the head of the data, padded to a block: the number of extents, then an
 * offset and a length for each. Blocks are fed one at a time until the map is complete.
 */
export class SparseMapReader {
  readonly #numbers: number[] = []
  #rest = ''
  #blocks = 0

  /** The extents once the map is complete, or undefined: feed the next block. @throws GantryError invalid_argument */
  feed(block: Buffer, at: number): Extent[] | undefined {
    this.#blocks++
    const lines = (this.#rest + block.toString('latin1', at, at + BLOCK)).split('\n')
    this.#rest = lines.pop() ?? ''
    // A line is a number of at most 16 digits; more without a newline is no map.
    if (lines.length === 0) throw bad('its map is malformed')
    for (const line of lines) {
      this.#numbers.push(decimal(line))
      const count = this.#numbers[0] ?? 0
      if (count > EXTENT_LIMIT) throw bad(`it has more than ${EXTENT_LIMIT} extents`)
      if (this.#numbers.length === 1 + count * 2) return pairExtents(this.#numbers.slice(1))
    }
    return undefined
  }

  /** Bytes of the data that the map took. */
  get consumed(): number {
    return this.#blocks * BLOCK
  }
}

function decimal(text: string): number {
  if (!/^\d{1,16}$/.test(text)) throw bad('its map is malformed')
  return Number(text)
}

function bad(reason: string): GantryError {
  return new GantryError('invalid_argument', { action: 'read tar', reason: `sparse file: ${reason}` })
}
