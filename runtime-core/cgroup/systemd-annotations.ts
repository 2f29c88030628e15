// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../errors.ts'
import type { BusValue } from '../kernel/sd-bus-signature.ts'
import type { UnitProperty } from './plan.ts'
import { property } from './systemd-properties.ts'

const PREFIX = 'org.systemd.property.'
const NAME = /^[A-Z][A-Za-z0-9]{0,63}$/
/** Ours to say: they tie the unit to the container. */
const RESERVED = ['PIDs', 'Slice', 'Delegate', 'DefaultDependencies', 'Scope']
const INTEGERS: Readonly<Record<string, string>> = {
  int16: 'n',
  uint16: 'q',
  int32: 'i',
  uint32: 'u',
  int64: 'x',
  uint64: 't',
}
const BITS: Readonly<Record<string, number>> = { n: 16, q: 16, i: 32, u: 32, x: 64, t: 64 }

/**
 * Properties of the unit that a bundle asks for by annotations `org.systemd.property.NAME`, whose values are GVariant
 * text, as runc reads them: `'text'`, `true`, `5`, `uint64 5`, `['a', 'b']`. `NAMESec` takes seconds and becomes
 * `NAMEUSec`.
 *
 * A bundle's author chooses them and systemd acts as root: who takes bundles from others must not let these through
 * (features lists the prefix as potentially unsafe).
 *
 * @throws GantryError invalid_argument naming the annotation.
 */
export function annotatedProperties(annotations: Readonly<Record<string, string>>): UnitProperty[] {
  return Object.entries(annotations).flatMap(([key, text]) => {
    if (!key.startsWith(PREFIX)) return []
    const name = key.slice(PREFIX.length)
    if (!NAME.test(name)) throw refused(key, text, 'the name of a property')
    if (RESERVED.includes(name)) throw refused(key, text, 'another property, for this one is the runtime’s')
    const { signature, value } = parseText(text.trim()) ?? fail(key, text)
    return [
      name.endsWith('Sec') && !name.endsWith('USec')
        ? seconds(name, value, key, text)
        : property(name, signature, value),
    ]
  })
}

interface Parsed {
  readonly signature: string
  readonly value: BusValue
}

function parseText(text: string): Parsed | undefined {
  if (text === 'true' || text === 'false') return { signature: 'b', value: text === 'true' }
  const quoted = parseString(text)
  if (quoted !== undefined) return { signature: 's', value: quoted }
  if (text.startsWith('[')) return parseStrings(text)
  const [, type = 'int32', digits] = /^(?:([a-z]+\d+) +)?(-?\d{1,20})$/.exec(text) ?? []
  if (digits !== undefined) return parseInteger(type, digits)
  return /^-?\d+\.\d+$/.test(text) ? { signature: 'd', value: Number(text) } : undefined
}

function parseInteger(type: string, digits: string): Parsed | undefined {
  const signature = INTEGERS[type]
  if (signature === undefined) return undefined
  const value = BigInt(digits)
  const bits = BITS[signature] ?? 64
  const fits = (type.startsWith('u') ? BigInt.asUintN(bits, value) : BigInt.asIntN(bits, value)) === value
  return fits ? { signature, value } : undefined
}

/** Quoted by ' or ", with \ before a quote or itself. */
function parseString(text: string): string | undefined {
  const match = /^(?:'((?:[^'\\]|\\['"\\])*)'|"((?:[^"\\]|\\['"\\])*)")$/.exec(text)
  return (match?.[1] ?? match?.[2])?.replace(/\\(.)/g, '$1')
}

function parseStrings(text: string): Parsed | undefined {
  const inner = /^\[\s*(.*?)\s*\]$/s.exec(text)?.[1]
  if (inner === undefined) return undefined
  const items = inner === '' ? [] : (inner.match(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s,]+/g) ?? [])
  const values = items.map(parseString)
  if (values.includes(undefined) || items.join('') !== inner.replace(/(?<=['"])\s*,\s*(?=['"])/g, '')) return undefined
  return { signature: 'as', value: values as string[] }
}

/** systemd's bus knows microseconds only. */
function seconds(name: string, value: BusValue, key: string, text: string): UnitProperty {
  if (typeof value !== 'bigint' && typeof value !== 'number') throw refused(key, text, 'a number of seconds')
  const us = typeof value === 'bigint' ? value * 1_000_000n : BigInt(Math.round(value * 1_000_000))
  if (us < 0n) throw refused(key, text, 'a number of seconds')
  return property(`${name.slice(0, -'Sec'.length)}USec`, 't', us)
}

function fail(key: string, text: string): never {
  throw refused(key, text, "GVariant text such as 'text', true, uint64 5 or ['a', 'b']")
}

function refused(key: string, text: string, expected: string): GantryError {
  const reason = `is ${JSON.stringify(text.slice(0, 200))}, expected ${expected}`
  return new GantryError('invalid_argument', { action: 'read annotation', subject: key.slice(0, 200), reason })
}
