// SPDX-License-Identifier: Apache-2.0

import type { CgroupHost } from './detect.ts'
import type { CgroupStats, CpuStats, IoStats, MemoryStats, PidsStats, Pressure } from './figures.ts'
import { IoTable, parseFlat, parseLimit, parseNumber, parsePressure, type ReadText } from './stats-parse.ts'

/** Clock ticks a second in cpuacct.stat: USER_HZ, 100 on every architecture Gantry runs on. */
const TICK_NS = 10_000_000n

/** Figures of a path in the v1 hierarchies, pressure from the unified one; undefined when it exists in none. */
export async function readV1Stats(host: CgroupHost, path: string, read: ReadText): Promise<CgroupStats | undefined> {
  const file: ReadFile = async (controller, name) => {
    const mount = controller === '' ? host.unifiedMount : host.v1.get(controller)
    return mount === undefined ? undefined : await read(`${mount}${path}/${name}`)
  }
  const [cpu, memory, pids, io] = await Promise.all([readCpu(file), readMemory(file), readPids(file), readIo(file)])
  if (cpu === undefined && memory === undefined && pids === undefined && io === undefined) return undefined
  return { ...(cpu && { cpu }), ...(memory && { memory }), ...(pids && { pids }), ...(io && { io }) }
}

/** `''` is the unified hierarchy. */
type ReadFile = (controller: string, name: string) => Promise<string | undefined>

async function pressureOf(file: ReadFile, resource: string): Promise<{ readonly pressure?: Pressure }> {
  const pressure = parsePressure(await file('', `${resource}.pressure`))
  return pressure === undefined ? {} : { pressure }
}

async function readCpu(file: ReadFile): Promise<CpuStats | undefined> {
  const [usage, split, bandwidth, pressure] = await Promise.all([
    file('cpuacct', 'cpuacct.usage'),
    file('cpuacct', 'cpuacct.stat'),
    file('cpu', 'cpu.stat'),
    pressureOf(file, 'cpu'),
  ])
  if (usage === undefined) return undefined
  const ticks = parseFlat(split ?? '')
  const values = parseFlat(bandwidth ?? '')
  return {
    usageNs: BigInt(usage.trim()),
    userNs: BigInt(ticks.get('user') ?? 0) * TICK_NS,
    systemNs: BigInt(ticks.get('system') ?? 0) * TICK_NS,
    periods: values.get('nr_periods') ?? 0,
    throttledPeriods: values.get('nr_throttled') ?? 0,
    throttledNs: BigInt(values.get('throttled_time') ?? 0),
    ...pressure,
  }
}

async function readMemory(file: ReadFile): Promise<MemoryStats | undefined> {
  const names = ['usage_in_bytes', 'stat', 'limit_in_bytes', 'max_usage_in_bytes', 'oom_control'] as const
  const swapNames = ['memsw.usage_in_bytes', 'memsw.limit_in_bytes'] as const
  const [usageText, stat, max, peakText, oom, totalUsage, totalMax] = await Promise.all(
    [...names, ...swapNames].map((name) => file('memory', `memory.${name}`)),
  )
  const usage = parseNumber(usageText)
  if (usage === undefined) return undefined
  const raw = parseFlat(stat ?? '')
  const workingSet = Math.max(0, usage - (raw.get('total_inactive_file') ?? 0))
  const [limit, peak] = [parseLimit(max), parseNumber(peakText)]
  const swap = swapOf(parseNumber(totalUsage), parseLimit(totalMax), usage, limit)
  return {
    usage,
    workingSet,
    rss: raw.get('total_rss') ?? 0,
    cache: raw.get('total_cache') ?? 0,
    available: limit === undefined ? 0 : Math.max(0, limit - workingSet),
    pageFaults: raw.get('total_pgfault') ?? 0,
    majorPageFaults: raw.get('total_pgmajfault') ?? 0,
    oomKills: parseFlat(oom ?? '').get('oom_kill') ?? 0,
    raw,
    ...(limit !== undefined && { limit }),
    ...(peak !== undefined && { peak }),
    ...(swap && { swap }),
    ...(await pressureOf(file, 'memory')),
  }
}

/** v1 counts memory and swap together; the difference is swap. */
function swapOf(
  total: number | undefined,
  totalLimit: number | undefined,
  usage: number,
  limit: number | undefined,
): MemoryStats['swap'] {
  if (total === undefined) return undefined
  const own = totalLimit === undefined || limit === undefined ? undefined : Math.max(0, totalLimit - limit)
  return { usage: Math.max(0, total - usage), ...(own !== undefined && { limit: own }) }
}

async function readPids(file: ReadFile): Promise<PidsStats | undefined> {
  const [currentText, max] = await Promise.all([file('pids', 'pids.current'), file('pids', 'pids.max')])
  const [current, limit] = [parseNumber(currentText), parseLimit(max)]
  if (current === undefined) return undefined
  return { current, ...(limit !== undefined && { limit }) }
}

/** `8:0 Read 4096`, closed by `Total 4096`. The throttle figures count all I/O, whatever the scheduler. */
async function readIo(file: ReadFile): Promise<IoStats | undefined> {
  const [bytes, operations, pressure] = await Promise.all([
    file('blkio', 'blkio.throttle.io_service_bytes_recursive'),
    file('blkio', 'blkio.throttle.io_serviced_recursive'),
    pressureOf(file, 'io'),
  ])
  if (bytes === undefined) return undefined
  const table = new IoTable()
  const add = (text: string, read: 'readBytes' | 'readOperations', write: 'writeBytes' | 'writeOperations'): void => {
    for (const [, device = '', kind, value] of text.matchAll(/^(\d+:\d+) (Read|Write) (\d+)$/gm)) {
      table.add(device, kind === 'Read' ? read : write, Number(value))
    }
  }
  add(bytes, 'readBytes', 'writeBytes')
  add(operations ?? '', 'readOperations', 'writeOperations')
  return { devices: table.rows(), ...pressure }
}
