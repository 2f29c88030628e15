// SPDX-License-Identifier: Apache-2.0

/**
 * JSON whose integers stay what they are: beyond 2^53 a JavaScript number rounds, and RLIM_INFINITY (2^64 − 1) is among
 * the values that config.json holds. Such integers become bigints, all others numbers.
 *
 * @throws SyntaxError as JSON.parse
 */
export function parseExact(text: string): unknown {
  // A reviver costs five times the parse; only a number of 16 digits or more can need it.
  return LONG_NUMBER.test(text) ? JSON.parse(text, exactNumber) : JSON.parse(text)
}

/** The text of a value that may hold bigints: they are written as the numbers they are. */
export function stringifyExact(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => (typeof member === 'bigint' ? rawNumber(member) : member))
}

const LONG_NUMBER = /[0-9]{16}/

/** ECMAScript's JSON.parse source text access; lib.es2024 does not have it yet. */
function exactNumber(_: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || !Number.isInteger(value) || Number.isSafeInteger(value)) return value
  const source = context?.source
  return source !== undefined && /^-?[0-9]+$/.test(source) ? BigInt(source) : value
}

function rawNumber(value: bigint): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(value.toString())
}
