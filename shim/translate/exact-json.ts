// SPDX-License-Identifier: Apache-2.0
import { messageOf } from '../../runtime-core/errors.ts'
import { invalidField } from './invalid-field.ts'

/** ECMAScript's JSON.parse source text access, which Node 24 has and TypeScript's library does not declare yet. */
type ExactParse = (
  text: string,
  reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown

/**
 * JSON with whole numbers exact: those beyond 2⁵³ come as bigint.
 *
 * @throws GantryError invalid_argument, naming `path`, where it is no JSON.
 */
export function parseExactJson(text: string, path: string): unknown {
  try {
    return (JSON.parse as ExactParse)(text, (_key, value, { source }) =>
      typeof value === 'number' && !Number.isSafeInteger(value) && source !== undefined && /^-?\d+$/.test(source)
        ? BigInt(source)
        : value,
    )
  } catch (error) {
    throw invalidField(path, messageOf(error), 'JSON')
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
