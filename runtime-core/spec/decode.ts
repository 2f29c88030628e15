// SPDX-License-Identifier: Apache-2.0

import { GantryError } from '../errors.ts'

/**
 * Turns a part of config.json into what the types say, or says where it is wrong. Unknown properties are left out, as
 * the runtime-spec wants it (config.md §extensibility); `null` is taken for an absent property, as Go writes it.
 */
export interface Decoder<T> {
  (value: unknown, path: string): T
  /** Members of an object, for lists of all fields. */
  readonly fields?: Readonly<Record<string, Decoder<unknown>>>
  /** What an array or a map holds. */
  readonly items?: Decoder<unknown>
}

/** A part that is not what the runtime-spec says: `read config.json "linux.namespaces[2].type": is "x", expected …`. */
export function wrong(path: string, value: unknown, expected: string): GantryError {
  return new GantryError('invalid_argument', {
    action: 'read config.json',
    subject: path === '' ? '.' : path,
    reason: `${value === undefined ? 'it is missing' : `is ${shown(value)}`}, expected ${expected}`,
  })
}

const MAX_SHOWN = 200

function shown(value: unknown): string {
  const text = typeof value === 'bigint' ? value.toString() : JSON.stringify(value)
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text
}

type Fields<T> = { readonly [K in keyof T]-?: Decoder<Exclude<T[K], undefined>> }

/** An object with these members, of which `required` must be there. */
export function object<T extends object>(fields: Fields<T>, required: readonly (keyof T & string)[] = []): Decoder<T> {
  const decoders = Object.entries(fields) as [string, Decoder<unknown>][]
  const needed: ReadonlySet<string> = new Set(required)
  const decode = (value: unknown, path: string): T => {
    const from = members(value, path)
    const to: Record<string, unknown> = {}
    for (const [name, member] of decoders) {
      const found = Object.hasOwn(from, name) ? from[name] : undefined
      const at = path === '' ? name : `${path}.${name}`
      if (found !== undefined && found !== null) to[name] = member(found, at)
      else if (needed.has(name)) throw wrong(at, undefined, 'a value')
    }
    return to as T
  }
  return Object.assign(decode, { fields: Object.fromEntries(decoders) })
}

/** A map from any key to values of one kind. */
export function record<T>(items: Decoder<T>): Decoder<Readonly<Record<string, T>>> {
  const decode = (value: unknown, path: string): Record<string, T> => {
    const to: Record<string, T> = Object.create(null)
    for (const [name, member] of Object.entries(members(value, path))) {
      to[name] = items(member, `${path}[${JSON.stringify(name)}]`)
    }
    return { ...to }
  }
  return Object.assign(decode, { items })
}

function members(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(path, value, 'an object')
  return value as Record<string, unknown>
}

export function array<T>(items: Decoder<T>): Decoder<readonly T[]> {
  const decode = (value: unknown, path: string): T[] => {
    if (!Array.isArray(value)) throw wrong(path, value, 'an array')
    return value.map((item, index) => items(item, `${path}[${index}]`))
  }
  return Object.assign(decode, { items })
}

/** A decoder, and a further condition on what it gives. */
export function also<T>(decoder: Decoder<T>, check: (value: T, path: string) => void): Decoder<T> {
  const decode = (value: unknown, path: string): T => {
    const decoded = decoder(value, path)
    check(decoded, path)
    return decoded
  }
  const { fields, items } = decoder
  return Object.assign(decode, fields && { fields }, items && { items })
}

export const boolean: Decoder<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw wrong(path, value, 'true or false')
  return value
}

/** A text; a NUL byte could not be handed to the kernel. */
export const text: Decoder<string> = (value, path) => {
  if (typeof value !== 'string') throw wrong(path, value, 'a string')
  if (value.includes('\0')) throw wrong(path, value, 'a string without NUL')
  return value
}

export const nonEmpty = also(text, (value, path) => {
  if (value === '') throw wrong(path, value, 'a string that is not empty')
})

export const absolutePath = also(text, (value, path) => {
  if (!value.startsWith('/')) throw wrong(path, value, 'an absolute path')
})

/** A text of a form that `expected` describes. */
export function matching(pattern: RegExp, expected: string): Decoder<string> {
  return also(text, (value, path) => {
    if (!pattern.test(value)) throw wrong(path, value, expected)
  })
}

export function oneOf<const T extends string>(...values: readonly T[]): Decoder<T> {
  return (value, path) => {
    const found = values.find((one) => one === value)
    if (found === undefined) throw wrong(path, value, `one of ${values.join(', ')}`)
    return found
  }
}

/** A whole number that JavaScript holds exactly. */
export function integer(low: number, high: number): Decoder<number> {
  return (value, path) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high) {
      throw wrong(path, value, `a whole number from ${low} to ${high}`)
    }
    return value
  }
}

export const uint32 = integer(0, 0xffff_ffff)

/** 64 bit without a sign; a bigint beyond 2^53. */
export const uint64: Decoder<number | bigint> = (value, path) => {
  const isWhole = typeof value === 'bigint' || Number.isSafeInteger(value)
  if (!isWhole || (value as number | bigint) < 0 || (value as number | bigint) > MAX_UINT64) {
    throw wrong(path, value, `a whole number from 0 to ${MAX_UINT64}`)
  }
  return value as number | bigint
}

/**
 * An amount that the kernel counts in pages and clamps: bytes of a limit. Beyond 2^53 it is rounded, by less than a page,
 * and kept below 2^63, where the kernel's own parser would wrap around.
 */
export function amount(low: number): Decoder<number> {
  return (value, path) => {
    const isWhole = typeof value === 'bigint' || Number.isSafeInteger(value)
    if (!isWhole || (value as number | bigint) < low || (value as number | bigint) > MAX_UINT64) {
      throw wrong(path, value, `a whole number from ${low} to ${MAX_UINT64}`)
    }
    return Math.min(Number(value), LARGEST_AMOUNT)
  }
}

const MAX_UINT64 = 2n ** 64n - 1n
/** The largest double below 2^63. */
const LARGEST_AMOUNT = 2 ** 63 - 1024

/** Refuses a second item that `keyOf` gives the same name. */
export function distinct<T>(items: Decoder<readonly T[]>, name: string, keyOf: (item: T) => string): typeof items {
  return also(items, (values, path) => {
    const seen = new Set<string>()
    values.forEach((value, index) => {
      const key = keyOf(value)
      if (seen.has(key)) throw wrong(`${path}[${index}].${name}`, key, 'each only once')
      seen.add(key)
    })
  })
}

/** `linux.resources.cpu.shares`, for every field a decoder knows; arrays end in `[]`, maps in `{}`. */
export function fieldPaths(decoder: Decoder<unknown>, path = ''): readonly string[] {
  if (decoder.fields !== undefined) {
    return Object.entries(decoder.fields).flatMap(([name, member]) => {
      const at = path === '' ? name : `${path}.${name}`
      return member.fields === undefined && member.items === undefined ? [at] : fieldPaths(member, at)
    })
  }
  const inner = decoder.items
  if (inner?.fields === undefined) return [path]
  return fieldPaths(inner, `${path}[]`)
}
