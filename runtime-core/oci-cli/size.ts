// SPDX-License-Identifier: Apache-2.0
import { UsageError } from './arguments.ts'

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
}

/**
 * Bytes: `1048576`, `512k`, `1.5GiB`; -1 for no limit. Units are binary, as runc takes them.
 *
 * @throws UsageError.
 */
export function parseSize(text: string, option: string): number {
  if (text === '-1') return -1
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b)?$/i.exec(text.trim()) ?? []
  const factor = UNITS[(unit ?? '').toLowerCase()]
  if (number !== undefined && factor !== undefined) return Math.floor(Number(number) * factor)
  throw new UsageError(`invalid value for ${option}: ${JSON.stringify(text)}, expected bytes or a size such as 512M`)
}

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Milliseconds of a duration as Go writes it: `500ms`, `1m30s`. @throws UsageError. */
export function parseDuration(text: string, option: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  if (parts.length > 0 && parts.map(([part]) => part).join('') === text) {
    return parts.reduce((sum, [, number, unit = '']) => sum + Number(number) * (DURATION_UNITS[unit] ?? 0), 0)
  }
  throw new UsageError(`invalid value for ${option}: ${JSON.stringify(text)}, expected a duration such as 5s`)
}
