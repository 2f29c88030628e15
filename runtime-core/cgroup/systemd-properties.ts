// SPDX-License-Identifier: Apache-2.0
import { type BusValue, Variant } from '../kernel/sd-bus-signature.ts'
import type { OciCpu, OciResources } from '../spec/types.ts'
import { bytesOrMax, cpuWeight, ioWeight, pidsMax, swapMax } from './convert.ts'
import type { CgroupHost } from './detect.ts'
import type { UnitProperty } from './plan.ts'
import { between, cpuList, refused } from './writes.ts'

/** `infinity` wherever systemd counts in 64 bits. */
export const INFINITY = 2n ** 64n - 1n
/** systemd keeps quotas in whole percents when it writes them to a file, and reads them back on daemon-reload. */
const PERCENT_US = 10_000
const MAX_CPUS = 8192

/**
 * The limits as properties of a unit, in runc's manner: what systemd knows of. It applies them anew on daemon-reload and
 * on every change of a neighbour, so they must not contradict the files, which are written after them and are exact.
 *
 * @param version of systemd: 252
 * @throws GantryError invalid_argument naming the field, as compileCgroup.
 */
export function resourceProperties(host: CgroupHost, resources: OciResources, version: number): UnitProperty[] {
  const own = host.mode === 'v2' ? unifiedProperties(resources, version) : legacyProperties(resources)
  return [...own, ...quotaProperties(resources.cpu ?? {}), ...taskProperties(resources)]
}

export function property(name: string, signature: string, value: BusValue): UnitProperty {
  return [name, new Variant(signature, value)]
}

function unifiedProperties(resources: OciResources, version: number): UnitProperty[] {
  const { cpu = {}, memory = {}, blockIO = {} } = resources
  const { limit, reservation } = memory
  const swap = swapMax(memory)
  return [
    // CPUWeight=idle is 0 since 252; before, systemd knows nothing of it and a weight would be refused by the kernel.
    ...(cpu.idle === 1
      ? version >= 252
        ? [property('CPUWeight', 't', 0)]
        : []
      : cpu.shares
        ? [property('CPUWeight', 't', cpuWeight(cpu.shares))]
        : []),
    ...(limit ? [property('MemoryMax', 't', orInfinity(bytesOrMax(limit, 'memory.limit')))] : []),
    ...(reservation ? [property('MemoryLow', 't', orInfinity(bytesOrMax(reservation, 'memory.reservation')))] : []),
    ...(swap === undefined ? [] : [property('MemorySwapMax', 't', orInfinity(swap))]),
    ...(blockIO.weight
      ? [property('IOWeight', 't', ioWeight(between(blockIO.weight, 10, 1000, 'blockIO.weight')))]
      : []),
    ...(cpu.cpus ? [property('AllowedCPUs', 'ay', bitmask(cpu.cpus, 'cpu.cpus'))] : []),
    ...(cpu.mems ? [property('AllowedMemoryNodes', 'ay', bitmask(cpu.mems, 'cpu.mems'))] : []),
    ...Object.entries(resources.unified ?? {}).flatMap(([file, value]) => unifiedFile(file, value.trim())),
  ]
}

/** Files of the unified hierarchy that are properties, too; the rest is written to the files alone. */
function unifiedFile(file: string, value: string): UnitProperty[] {
  const name = UNIFIED_BYTES[file]
  if (name !== undefined) return /^(\d+|max)$/.test(value) ? [property(name, 't', orInfinity(value))] : []
  if (file === 'cpu.weight') return /^\d+$/.test(value) ? [property('CPUWeight', 't', BigInt(value))] : []
  if (file === 'pids.max') return /^(\d+|max)$/.test(value) ? [property('TasksMax', 't', orInfinity(value))] : []
  if (file === 'cpuset.cpus') return [property('AllowedCPUs', 'ay', bitmask(value, `unified.${file}`))]
  if (file === 'cpuset.mems') return [property('AllowedMemoryNodes', 'ay', bitmask(value, `unified.${file}`))]
  const [, quota, period] = file === 'cpu.max' ? (/^(max|\d+)(?: (\d+))?$/.exec(value) ?? []) : []
  if (quota === undefined) return []
  return quotaProperties({ quota: quota === 'max' ? -1 : Number(quota), period: Number(period ?? 100_000) })
}

const UNIFIED_BYTES: Readonly<Record<string, string>> = {
  'memory.max': 'MemoryMax',
  'memory.high': 'MemoryHigh',
  'memory.low': 'MemoryLow',
  'memory.min': 'MemoryMin',
  'memory.swap.max': 'MemorySwapMax',
}

function legacyProperties({ cpu = {}, memory = {}, blockIO = {} }: OciResources): UnitProperty[] {
  return [
    ...(cpu.shares ? [property('CPUShares', 't', between(cpu.shares, 2, 262_144, 'cpu.shares'))] : []),
    ...(memory.limit ? [property('MemoryLimit', 't', orInfinity(bytesOrMax(memory.limit, 'memory.limit')))] : []),
    ...(blockIO.weight ? [property('BlockIOWeight', 't', between(blockIO.weight, 10, 1000, 'blockIO.weight'))] : []),
  ]
}

/** Microseconds of CPU in a second, rounded up: systemd's own must never be the tighter one. */
function quotaProperties({ quota, period }: OciCpu): UnitProperty[] {
  const list = period ? [property('CPUQuotaPeriodUSec', 't', period)] : []
  if (!quota) return list
  if (quota < 0) return [...list, property('CPUQuotaPerSecUSec', 't', INFINITY)]
  const perSecond = (quota * 1_000_000) / (period || 100_000)
  return [...list, property('CPUQuotaPerSecUSec', 't', Math.ceil(perSecond / PERCENT_US) * PERCENT_US)]
}

function taskProperties({ pids: { limit } = {} }: OciResources): UnitProperty[] {
  return limit === undefined ? [] : [property('TasksMax', 't', orInfinity(pidsMax(limit)))]
}

function orInfinity(text: string): bigint {
  return text === 'max' ? INFINITY : BigInt(text)
}

/** A list such as `0-2,5` as bytes, the lowest number first. */
export function bitmask(list: string, field: string): number[] {
  const bytes: number[] = []
  for (const range of cpuList(list, field).split(',')) {
    const [first = 0, last = first] = range.split('-').map(Number)
    if (last >= MAX_CPUS || first > last) throw refused(field, list, `numbers below ${MAX_CPUS}`)
    for (let n = first; n <= last; n++) {
      while (bytes.length <= n >> 3) bytes.push(0)
      bytes[n >> 3] = (bytes[n >> 3] ?? 0) | (1 << (n & 7))
    }
  }
  return bytes
}
