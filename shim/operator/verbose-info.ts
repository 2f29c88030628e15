// SPDX-License-Identifier: Apache-2.0

/** The `info` map of a verbose status with its JSON texts read; what is no JSON stays text. */
export function readVerboseInfo(info: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(info).map(([key, text]) => [key, readJson(text)]))
}

/** A member of the object under the key `info`, where it is there and of the wanted type. */
export function infoMember<T extends 'string' | 'number'>(
  info: Readonly<Record<string, string>>,
  name: string,
  type: T,
): (T extends 'string' ? string : number) | undefined {
  const { info: main } = readVerboseInfo(info)
  if (typeof main !== 'object' || main === null) return undefined
  const value: unknown = (main as Record<string, unknown>)[name]
  return typeof value === type ? (value as T extends 'string' ? string : number) : undefined
}

/**
 * A value as JSON for people: 64-bit integers as strings (as protobuf's own JSON has
 * them), bytes as base64.
 */
export function toReadableJson(value: unknown): string {
  const replace = (_: string, member: unknown): unknown => {
    if (typeof member === 'bigint') return member.toString()
    return member instanceof Uint8Array ? Buffer.from(member).toString('base64') : member
  }
  return `${JSON.stringify(value, replace, 2)}\n`
}

/** The name of an enum's value: `CONTAINER_RUNNING` for 1. */
export function enumName(values: Readonly<Record<string, number>>, value: number): string {
  return Object.entries(values).find(([, number]) => number === value)?.[0] ?? String(value)
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
