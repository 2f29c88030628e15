// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'
import type { CgroupHost } from '../cgroup/detect.ts'
import type { CgroupStats, IoDeviceStats, Pressure, PressureLine } from '../cgroup/figures.ts'
import { readCgroupStats, readOomKills } from '../cgroup/stats.ts'
import { hasCode } from '../errors.ts'
import { UsageError } from './arguments.ts'
import { defineCommand } from './command.ts'
import { findContainer, forbidden } from './container.ts'
import { readCgroups } from './host.ts'
import { print } from './print.ts'
import { parseDuration } from './size.ts'

/** How often the kernel's count of OOM kills is looked at. */
const OOM_LOOK_MS = 200

export const command = defineCommand({
  usage: '<container-id>',
  about: 'print figures of a container at intervals, and when it runs out of memory; one JSON object a line',
  options: {
    interval: { kind: 'text', value: 'DURATION', about: 'between two records of figures (default: 5s)' },
    stats: { kind: 'switch', about: 'one record of figures, then exit' },
  },
  args: { min: 1, max: 1 },
  async run({ global, options, args: [id = ''] }) {
    const intervalMs = parseDuration(options.interval ?? '5s', 'interval')
    if (intervalMs <= 0) throw new UsageError('duration interval must be greater than 0')
    const { record, status } = findContainer(global.root, id)
    if (status === 'stopped') throw forbidden(`container with id ${id} is not running`)
    const host = readCgroups()
    if (options.stats) printRecord(id, 'stats', convertStats(await readCgroupStats(host, record.cgroupsPath)))
    else await follow(global.root, id, host, intervalMs)
    return 0
  },
})

async function follow(root: string, id: string, host: CgroupHost, intervalMs: number): Promise<void> {
  const { record } = findContainer(root, id)
  let kills = await readOomKills(record.cgroup.oomFile)
  let nextMs = performance.now() + intervalMs
  while (isThere(root, id)) {
    await sleep(Math.max(0, Math.min(OOM_LOOK_MS, nextMs - performance.now())))
    const now = await readOomKills(record.cgroup.oomFile)
    for (; kills < now; kills++) printRecord(id, 'oom')
    if (performance.now() < nextMs) continue
    nextMs += intervalMs
    const stats = await readCgroupStats(host, record.cgroupsPath).catch((error: unknown) => {
      if (hasCode(error, 'not_found')) return undefined
      throw error
    })
    if (stats !== undefined) printRecord(id, 'stats', convertStats(stats))
  }
}

function isThere(root: string, id: string): boolean {
  try {
    return findContainer(root, id).status !== 'stopped'
  } catch (error) {
    if (hasCode(error, 'not_found')) return false
    throw error
  }
}

function printRecord(id: string, type: 'stats' | 'oom', data?: unknown): void {
  const exact = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value)
  print(`${JSON.stringify({ type, id, ...(data === undefined ? {} : { data }) }, exact)}\n`)
}

/** Our figures in the shape of runc's events, which cAdvisor and others parse. */
export function convertStats({ cpu, memory, pids, io }: CgroupStats): Record<string, unknown> {
  return {
    ...(cpu === undefined
      ? {}
      : {
          cpu: {
            usage: { total: cpu.usageNs, kernel: cpu.systemNs, user: cpu.userNs },
            throttling: {
              periods: cpu.periods,
              throttledPeriods: cpu.throttledPeriods,
              throttledTime: cpu.throttledNs,
            },
            ...psi(cpu.pressure),
          },
        }),
    ...(memory === undefined ? {} : { memory: convertMemory(memory) }),
    ...(pids === undefined ? {} : { pids: { current: pids.current, limit: pids.limit ?? 0 } }),
    ...(io === undefined
      ? {}
      : {
          blkio: {
            ioServiceBytesRecursive: io.devices.flatMap((d) => entries(d, d.readBytes, d.writeBytes)),
            ioServicedRecursive: io.devices.flatMap((d) => entries(d, d.readOperations, d.writeOperations)),
            ...psi(io.pressure),
          },
        }),
  }
}

function convertMemory(memory: NonNullable<CgroupStats['memory']>): Record<string, unknown> {
  const entry = (usage: number, limit: number | undefined, max: number | undefined): Record<string, number> => ({
    limit: limit ?? Number.MAX_SAFE_INTEGER,
    usage,
    max: max ?? 0,
    failcnt: 0,
  })
  return {
    cache: memory.cache,
    usage: entry(memory.usage, memory.limit, memory.peak),
    ...(memory.swap === undefined ? {} : { swap: entry(memory.swap.usage, memory.swap.limit, undefined) }),
    raw: Object.fromEntries(memory.raw),
    ...psi(memory.pressure),
  }
}

function entries({ major, minor }: IoDeviceStats, read: number, write: number): Record<string, unknown>[] {
  return [
    { major, minor, op: 'Read', value: read },
    { major, minor, op: 'Write', value: write },
  ]
}

/** Totals in microseconds, as the kernel writes them. */
function psi(pressure: Pressure | undefined): Record<string, unknown> {
  if (pressure === undefined) return {}
  const line = ({ totalNs, ...averages }: PressureLine): Record<string, unknown> => ({
    ...averages,
    total: totalNs / 1000n,
  })
  return { psi: { some: line(pressure.some), ...(pressure.full === undefined ? {} : { full: line(pressure.full) }) } }
}
