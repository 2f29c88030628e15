// SPDX-License-Identifier: Apache-2.0

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
] as const
const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const
/** As many characters of an id as crictl shows. */
const SHORT_ID = 13

/** Time since `atNs` in its two largest units: `5s`, `3m20s`, `2d4h`; "-" for 0 and for what lies in the future. */
export function formatAge(atNs: bigint, nowNs: bigint): string {
  if (atNs === 0n || atNs > nowNs) return '-'
  let seconds = Number((nowNs - atNs) / 1_000_000_000n)
  const parts: string[] = []
  for (const [unit, length] of UNITS) {
    const count = Math.floor(seconds / length)
    seconds -= count * length
    if (count > 0 || (unit === 's' && parts.length === 0)) parts.push(`${count}${unit}`)
    else if (parts.length > 0) break
    if (parts.length === 2) break
  }
  return parts.join('')
}

/** Bytes in the largest unit that leaves at least one: `4.2MiB`. */
export function formatBytes(bytes: bigint): string {
  let value = Number(bytes)
  let unit = 0
  while (value >= 1024 && unit < SIZES.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(1)}${SIZES[unit]}`
}

/** An id as tables show it; the daemon takes such a beginning wherever it takes an id. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, SHORT_ID)
}
