// SPDX-License-Identifier: Apache-2.0

/** What a text of foreign origin says as JSON (RFC 8259); undefined where it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
