// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../errors.ts'

/** A value on the bus. Structures, dictionary entries and arrays are arrays; 64 bits are bigints where they come in. */
export type BusValue = string | number | bigint | boolean | Variant | readonly BusValue[]

/** A value that carries its own type. */
export class Variant {
  readonly signature: string
  readonly value: BusValue

  constructor(signature: string, value: BusValue) {
    this.signature = signature
    this.value = value
  }
}

const CLOSING: Readonly<Record<string, string>> = { '(': ')', '{': '}' }

/**
 * The complete types of a signature: `sa(sv)` is `s` and `a(sv)` (D-Bus specification §signature strings).
 *
 * @throws GantryError internal for one that is not whole.
 */
export function splitSignature(signature: string): string[] {
  const types: string[] = []
  for (let at = 0; at < signature.length; ) {
    const end = endOfType(signature, at)
    types.push(signature.slice(at, end))
    at = end
  }
  return types
}

/** What libsystemd wants to hear to open an array, a structure (`r`) or a dictionary entry (`e`). */
export function elementOf(type: string): { container: string; contents: string } {
  if (type.startsWith('a')) return { container: 'a', contents: type.slice(1) }
  return { container: type.startsWith('(') ? 'r' : 'e', contents: type.slice(1, -1) }
}

function endOfType(signature: string, start: number): number {
  let at = start
  while (signature[at] === 'a') at++
  const closing = CLOSING[signature.charAt(at)]
  if (closing === undefined) {
    if (/^[ybnqiuxtdsogv]$/.test(signature.charAt(at))) return at + 1
    throw new GantryError('internal', { action: 'read D-Bus signature', subject: signature })
  }
  at++
  while (at < signature.length && signature[at] !== closing) at = endOfType(signature, at)
  if (at >= signature.length) throw new GantryError('internal', { action: 'read D-Bus signature', subject: signature })
  return at + 1
}
