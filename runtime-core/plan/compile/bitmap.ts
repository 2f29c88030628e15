// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../errors.ts'

/** Far more processors and NUMA nodes than Linux can be built for. */
const MAX_BITS = 8192
const WORD_BITS = 64

/**
 * A list such as `0-3,7` (cpuset(7), list format) as the bits of whole 64 bit words; an empty list is no word.
 *
 * @throws GantryError `invalid_argument` naming the field
 */
export function bitmap(list: string, field: string): Uint8Array {
  const bits = list === '' ? [] : list.split(',').flatMap((range) => numbersOf(range, list, field))
  const words = bits.length === 0 ? 0 : Math.floor(Math.max(...bits) / WORD_BITS) + 1
  const bytes = new Uint8Array(words * (WORD_BITS / 8))
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (1 << (bit & 7))
  return bytes
}

function numbersOf(range: string, list: string, field: string): number[] {
  const [, low, high = low] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(range.trim()) ?? []
  const [first, last] = [Number(low), Number(high)]
  if (low === undefined || first > last || last >= MAX_BITS) {
    throw new GantryError('invalid_argument', {
      action: `read ${field}`,
      subject: list,
      reason: `expected a list such as 0-3,7 of numbers below ${MAX_BITS}`,
    })
  }
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}
