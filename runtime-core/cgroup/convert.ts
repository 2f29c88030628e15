// SPDX-License-Identifier: Apache-2.0

import type { OciMemory } from '../spec/types.ts'
import { decimal, refused } from './writes.ts'

/**
 * cpu.shares (2 to 262144) → cpu.weight (1 to 10000), so that the default 1024 becomes the default 100 and both ends
 * meet: quadratic in log2, as runc ≥ 1.3.2 and crun ≥ 1.23 convert.
 */
export function cpuWeight(shares: number): number {
  if (shares <= 2) return 1
  if (shares >= 262_144) return 10_000
  const l = Math.log2(shares)
  return Math.ceil(10 ** ((l * l + 125 * l) / 612 - 7 / 34))
}

/** blkio.weight (10 to 1000) → io.weight (1 to 10000), linear. */
export function ioWeight(weight: number): number {
  return 1 + Math.floor(((weight - 10) * 9999) / 990)
}

/** A limit of bytes for cgroup v2: −1 is `max`. */
export function bytesOrMax(value: number, field: string): string {
  if (value === -1) return 'max'
  if (value < 0) throw refused(field, value, 'bytes, or -1 for unlimited')
  return decimal(value, field)
}

/**
 * memory.swap.max for the runtime-spec's `swap`, which counts memory and swap together. Undefined: leave it.
 *
 * @param memory with the limit in force, also where only swap is being changed
 */
export function swapMax({ limit = 0, swap = 0 }: OciMemory): string | undefined {
  const field = 'memory.swap'
  // Unlimited memory with swap not mentioned means both, as it did on v1.
  if (swap === 0) return limit === -1 ? 'max' : undefined
  if (swap === -1) return 'max'
  if (swap < 0) throw refused(field, swap, 'bytes, or -1 for unlimited')
  if (limit === 0) throw refused(field, swap, 'unset where memory.limit is unset')
  if (limit === -1) return decimal(swap, field)
  if (swap < limit) throw refused(field, swap, `at least memory.limit (${limit}), for it counts both`)
  return decimal(swap - limit, field)
}

/** pids.max; 0 would keep even the first process out, and is raised to 1 as runc does. */
export function pidsMax(limit: number): string {
  if (limit < 0) return 'max'
  return decimal(Math.max(1, limit), 'pids.limit')
}
