// SPDX-License-Identifier: Apache-2.0

/** A JSON object whose members are not looked at yet. */
export type JsonObject = Readonly<Record<string, unknown>>

/** `value` as a JSON object; undefined for arrays, null and everything else. */
export function asObject(value: unknown): JsonObject | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return value as JsonObject
}

/** `value` as a list of JSON values; an absent or null one is the empty list, anything else undefined. */
export function asList(value: unknown): readonly unknown[] | undefined {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : undefined
}

/** The non-empty string a member holds, or undefined. */
export function textOf(object: JsonObject, key: string): string | undefined {
  const value = object[key]
  return typeof value === 'string' && value !== '' ? value : undefined
}
