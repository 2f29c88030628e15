// SPDX-License-Identifier: Apache-2.0

import type { IoDeviceStats, Pressure, PressureLine } from './figures.ts'

/** Reads a file's text, undefined when it does not exist. */
export type ReadText = (path: string) => Promise<string | undefined>

/** Lines of `key value`. */
export function parseFlat(text: string): Map<string, number> {
  const values = new Map<string, number>()
  for (const line of text.split('\n')) {
    const blank = line.indexOf(' ')
    if (blank > 0) values.set(line.slice(0, blank), Number(line.slice(blank + 1)))
  }
  return values
}

/** One number, or undefined for `max`, nothing, and what v1 says for "unlimited" (above 2^62, rounded to a page). */
export function parseLimit(text: string | undefined): number | undefined {
  const value = parseNumber(text)
  return value === undefined || value > 2 ** 62 ? undefined : value
}

export function parseNumber(text: string | undefined): number | undefined {
  return text === undefined || !/^\d+\s*$/.test(text) ? undefined : Number(text)
}

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=123` and the same of `full`; totals are microseconds. */
export function parsePressure(text: string | undefined): Pressure | undefined {
  const some = pressureLine(text, 'some')
  const full = pressureLine(text, 'full')
  return some === undefined ? undefined : { some, ...(full === undefined ? {} : { full }) }
}

const PRESSURE = /^(some|full) avg10=([\d.]+) avg60=([\d.]+) avg300=([\d.]+) total=(\d+)$/gm

function pressureLine(text: string | undefined, kind: string): PressureLine | undefined {
  for (const [, found, avg10, avg60, avg300, total = '0'] of (text ?? '').matchAll(PRESSURE)) {
    if (found !== kind) continue
    return { avg10: Number(avg10), avg60: Number(avg60), avg300: Number(avg300), totalNs: BigInt(total) * 1000n }
  }
  return undefined
}

/** Adds up figures a device, in the order in which devices are met. */
export class IoTable {
  readonly #devices = new Map<string, { -readonly [K in keyof IoDeviceStats]: number }>()

  add(device: string, figure: keyof Omit<IoDeviceStats, 'major' | 'minor'>, value: number): void {
    const [major = 0, minor = 0] = device.split(':').map(Number)
    const zero = { major, minor, readBytes: 0, writeBytes: 0, readOperations: 0, writeOperations: 0 }
    const row = this.#devices.get(device) ?? zero
    row[figure] += value
    this.#devices.set(device, row)
  }

  rows(): IoDeviceStats[] {
    return [...this.#devices.values()]
  }
}
