// SPDX-License-Identifier: Apache-2.0

import type { CgroupStats, CpuStats, IoDeviceStats, IoStats, MemoryStats, PidsStats } from './figures.ts'
import { IoTable, parseFlat, parseLimit, parseNumber, parsePressure, type ReadText } from './stats-parse.ts'

/** Figures of a directory of the unified hierarchy; undefined when it does not exist. */
export async function readV2Stats(directory: string, read: ReadText): Promise<CgroupStats | undefined> {
  const file = (name: string) => read(`${directory}/${name}`)
  const [cpu, memory, pids, io] = await Promise.all([readCpu(file), readMemory(file), readPids(file), readIo(file)])
  // cpu.stat is there even without the controller.
  if (cpu === undefined) return undefined
  return { cpu, ...(memory && { memory }), ...(pids && { pids }), ...(io && { io }) }
}

type ReadFile = (name: string) => Promise<string | undefined>

async function readCpu(file: ReadFile): Promise<CpuStats | undefined> {
  const [stat, psi] = await Promise.all([file('cpu.stat'), file('cpu.pressure')])
  if (stat === undefined) return undefined
  const values = parseFlat(stat)
  const ns = (key: string) => BigInt(values.get(key) ?? 0) * 1000n
  const pressure = parsePressure(psi)
  return {
    usageNs: ns('usage_usec'),
    userNs: ns('user_usec'),
    systemNs: ns('system_usec'),
    periods: values.get('nr_periods') ?? 0,
    throttledPeriods: values.get('nr_throttled') ?? 0,
    throttledNs: ns('throttled_usec'),
    ...(pressure && { pressure }),
  }
}

async function readMemory(file: ReadFile): Promise<MemoryStats | undefined> {
  const names = ['current', 'stat', 'max', 'peak', 'swap.current', 'swap.max', 'events', 'pressure'] as const
  const [current, stat, max, peakText, swapCurrent, swapMax, events, psi] = await Promise.all(
    names.map((name) => file(`memory.${name}`)),
  )
  const usage = parseNumber(current)
  if (usage === undefined) return undefined
  const raw = parseFlat(stat ?? '')
  const workingSet = Math.max(0, usage - (raw.get('inactive_file') ?? 0))
  const limit = parseLimit(max)
  const [peak, pressure] = [parseNumber(peakText), parsePressure(psi)]
  const [swapUsage, swapLimit] = [parseNumber(swapCurrent), parseLimit(swapMax)]
  const swap =
    swapUsage === undefined ? undefined : { usage: swapUsage, ...(swapLimit !== undefined && { limit: swapLimit }) }
  return {
    usage,
    workingSet,
    rss: raw.get('anon') ?? 0,
    cache: raw.get('file') ?? 0,
    available: limit === undefined ? 0 : Math.max(0, limit - workingSet),
    pageFaults: raw.get('pgfault') ?? 0,
    majorPageFaults: raw.get('pgmajfault') ?? 0,
    oomKills: parseFlat(events ?? '').get('oom_kill') ?? 0,
    raw,
    ...(limit !== undefined && { limit }),
    ...(peak !== undefined && { peak }),
    ...(swap && { swap }),
    ...(pressure && { pressure }),
  }
}

async function readPids(file: ReadFile): Promise<PidsStats | undefined> {
  const [currentText, max] = await Promise.all([file('pids.current'), file('pids.max')])
  const [current, limit] = [parseNumber(currentText), parseLimit(max)]
  if (current === undefined) return undefined
  return { current, ...(limit !== undefined && { limit }) }
}

const IO_KEYS: Readonly<Record<string, keyof Omit<IoDeviceStats, 'major' | 'minor'>>> = {
  rbytes: 'readBytes',
  wbytes: 'writeBytes',
  rios: 'readOperations',
  wios: 'writeOperations',
}

/** `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0` */
async function readIo(file: ReadFile): Promise<IoStats | undefined> {
  const [stat, psi] = await Promise.all([file('io.stat'), file('io.pressure')])
  if (stat === undefined) return undefined
  const table = new IoTable()
  for (const line of stat.split('\n')) {
    const [device = '', ...pairs] = line.split(' ')
    if (!/^\d+:\d+$/.test(device)) continue
    for (const pair of pairs) {
      const [key = '', value] = pair.split('=')
      const figure = IO_KEYS[key]
      if (figure !== undefined) table.add(device, figure, Number(value))
    }
  }
  const pressure = parsePressure(psi)
  return { devices: table.rows(), ...(pressure && { pressure }) }
}
