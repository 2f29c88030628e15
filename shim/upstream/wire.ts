// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../runtime-core/errors.ts'

/** A field of an encoded message, as views of its bytes. */
export interface WireField {
  readonly number: number
  /** Contents of a length-delimited field; undefined for numbers. */
  readonly content: Buffer | undefined
  /** The whole field, tag and length included. */
  readonly raw: Buffer
}

/** Protobuf encoding, "Message Structure". Groups (3, 4) have never been in proto3. */
const VARINT = 0
const FIXED64 = 1
const DELIMITED = 2
const FIXED32 = 5

const MAX_VARINT_BYTES = 10
const MAX_FIELD_NUMBER = 2 ** 29 - 1

/**
 * The fields of an encoded message, in their order, without knowing its type.
 *
 * @throws GantryError `invalid_argument` where the bytes are no message.
 */
export function* fields(message: Buffer): Generator<WireField> {
  for (let at = 0; at < message.length; ) {
    const tag = varint(message, at)
    const number = Math.floor(tag.value / 8)
    if (number < 1 || number > MAX_FIELD_NUMBER) throw malformed(at, 'no field has this number')
    const value = valueAt(message, tag.end, tag.value % 8)
    if (value.end > message.length) throw malformed(at, 'a field goes beyond the end')
    const content = value.start === undefined ? undefined : message.subarray(value.start, value.end)
    yield { number, content, raw: message.subarray(at, value.end) }
    at = value.end
  }
}

/** The contents of every length-delimited field of this number. @throws GantryError as `fields` does. */
export function contents(message: Buffer, number: number): Buffer[] {
  return [...fields(message)].flatMap((field) =>
    field.number === number && field.content !== undefined ? [field.content] : [],
  )
}

/**
 * A text by the numbers of the fields that lead to it; "" where there is none. As a decoder does it: the last text wins,
 * and a message that is there in parts is all of them together.
 *
 * @throws GantryError as `fields` does.
 */
export function textAt(message: Buffer, ...path: readonly number[]): string {
  const last = path.at(-1)
  if (last === undefined) return ''
  const within = messageAt(message, ...path.slice(0, -1))
  return contents(within, last).at(-1)?.toString('utf8') ?? ''
}

/** A message within a message; empty where there is none. @throws GantryError as `fields` does. */
export function messageAt(message: Buffer, ...path: readonly number[]): Buffer {
  return path.reduce((outer, number) => {
    const parts = contents(outer, number)
    return parts.length === 1 ? (parts[0] ?? outer) : Buffer.concat(parts)
  }, message)
}

/** A number that is not negative by the field that holds it; 0 where there is none. @throws GantryError as `fields` does. */
export function numberAt(message: Buffer, number: number): number {
  let value = 0
  for (const field of fields(message)) {
    if (field.number !== number || field.content !== undefined) continue
    value = varint(field.raw, varint(field.raw, 0).end).value
  }
  return value
}

/** The value of a key in a `map<string, string>`; undefined where it is not there. @throws GantryError as `fields` does. */
export function mapValue(message: Buffer, number: number, key: string): string | undefined {
  const entry = contents(message, number).findLast((candidate) => textAt(candidate, 1) === key)
  return entry === undefined ? undefined : textAt(entry, 2)
}

function valueAt(message: Buffer, at: number, type: number): { start: number | undefined; end: number } {
  if (type === VARINT) return { start: undefined, end: varint(message, at).end }
  if (type === FIXED64) return { start: undefined, end: at + 8 }
  if (type === FIXED32) return { start: undefined, end: at + 4 }
  if (type !== DELIMITED) throw malformed(at, `${type} is no wire type`)
  const length = varint(message, at)
  return { start: length.end, end: length.end + length.value }
}

/** Numbers beyond 2^53 lose their low bits: tags and lengths never are, and no other number is looked at so closely. */
function varint(message: Buffer, start: number): { value: number; end: number } {
  let value = 0
  for (let index = 0; index < MAX_VARINT_BYTES; index++) {
    const byte = message[start + index]
    if (byte === undefined) break
    value += (byte & 0x7f) * 2 ** (7 * index)
    if (byte < 0x80) return { value, end: start + index + 1 }
  }
  throw malformed(start, 'a number has no end')
}

function malformed(at: number, reason: string): GantryError {
  return new GantryError('invalid_argument', { action: 'read message', reason: `byte ${at}: ${reason}` })
}
