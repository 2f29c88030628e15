// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { withoutDevices } from '../cgroup/driver.ts'
import { compileUpdate, mergeResources } from '../cgroup/manager.ts'
import { readCgroupStats } from '../cgroup/stats.ts'
import { writeCgroupFile } from '../cgroup/write-file.ts'
import { GantryError } from '../errors.ts'
import { resources as decodeResources } from '../spec/decode-resources.ts'
import { parseExact } from '../spec/json.ts'
import type { OciResources } from '../spec/types.ts'
import { type ContainerRecord, writeRecord } from '../state/container-record.ts'
import type { OptionTable, OptionValues } from './arguments.ts'
import { openSystemd } from './cgroup.ts'
import { defineCommand } from './command.ts'
import { forbidden, readConfig, withContainer } from './container.ts'
import { readCgroups } from './host.ts'
import { parseSize } from './size.ts'

const OPTIONS = {
  resources: {
    kind: 'text',
    short: 'r',
    value: 'FILE',
    about: 'read linux.resources from a file; - for standard input',
  },
  'blkio-weight': { kind: 'number', value: 'N', about: 'weight of its block I/O, 10 to 1000' },
  'cpu-period': { kind: 'number', value: 'US', about: 'period of the quota, microseconds' },
  'cpu-quota': { kind: 'number', value: 'US', about: 'time per period, microseconds; -1: no limit' },
  'cpu-burst': { kind: 'number', value: 'US', about: 'time saved up for later, microseconds' },
  'cpu-share': { kind: 'number', value: 'N', about: 'weight against others' },
  'cpu-rt-period': { kind: 'number', value: 'US', about: 'realtime period (cgroup v1)' },
  'cpu-rt-runtime': { kind: 'number', value: 'US', about: 'realtime runtime (cgroup v1)' },
  'cpuset-cpus': { kind: 'text', value: 'LIST', about: 'processors' },
  'cpuset-mems': { kind: 'text', value: 'LIST', about: 'memory nodes' },
  'cpu-idle': { kind: 'number', value: '0|1', about: 'SCHED_IDLE for the whole cgroup' },
  memory: { kind: 'text', value: 'SIZE', about: 'limit; -1: none' },
  'memory-reservation': { kind: 'text', value: 'SIZE', about: 'soft limit; -1: none' },
  'memory-swap': { kind: 'text', value: 'SIZE', about: 'limit of memory and swap together; -1: none' },
  'pids-limit': { kind: 'number', value: 'N', about: 'processes; -1: no limit' },
  'l3-cache-schema': { kind: 'text', value: 'SCHEMA', about: 'Intel RDT cache allocation' },
  'mem-bw-schema': { kind: 'text', value: 'SCHEMA', about: 'Intel RDT memory bandwidth' },
  'kernel-memory': { kind: 'text', about: 'obsolete', hidden: true },
  'kernel-memory-tcp': { kind: 'text', about: 'obsolete', hidden: true },
} as const satisfies OptionTable

export const command = defineCommand({
  usage: '<container-id>',
  about: 'change the limits of a container',
  options: OPTIONS,
  args: { min: 1, max: 1 },
  async run({ global, options, args: [id = ''] }) {
    refuseRdt(options)
    const change = options.resources === undefined ? readChange(options) : readResources(options.resources)
    await withContainer(global.root, id, async ({ files, record, status }) => {
      if (status === 'stopped' || status === 'creating') throw forbidden('container not running')
      const before = record.resources ?? readConfig(files).linux?.resources ?? {}
      await apply(record, before, change)
      writeRecord(files, { ...record, resources: { ...mergeResources(before, change), devices: before.devices ?? [] } })
    })
    return 0
  },
})

async function apply(
  { cgroupsPath, scopePath }: ContainerRecord,
  before: OciResources,
  change: OciResources,
): Promise<void> {
  const host = readCgroups()
  const { memory } = await readCgroupStats(host, cgroupsPath)
  const usage = memory === undefined ? {} : { memoryUsage: memory.usage }
  if (scopePath !== undefined) {
    await using systemd = await openSystemd(host)
    await systemd.update(scopePath, before, change, usage)
    return
  }
  for (const write of compileUpdate(host, cgroupsPath, before, change, usage)) await writeCgroupFile(write)
}

function refuseRdt(options: OptionValues<typeof OPTIONS>): void {
  if (options['l3-cache-schema'] === undefined && options['mem-bw-schema'] === undefined) return
  throw new GantryError('failed_precondition', {
    action: 'update Intel RDT',
    reason: 'the container has no intelRdt class, or this machine no resctrl file system',
  })
}

/**
 * The file is what CRI's and Docker's callers write: `linux.resources` by itself. containerd writes all of it, device rules
 * too, which are as they were at create: as with runc, an update does not touch them.
 */
function readResources(path: string): OciResources {
  try {
    return withoutDevices(decodeResources(parseExact(readFileSync(path === '-' ? 0 : path, 'utf8')), 'resources'))
  } catch (cause) {
    if (cause instanceof GantryError) throw cause
    throw new GantryError('invalid_argument', { action: 'read resources', subject: path, cause })
  }
}

/** What the options set, and nothing else. */
export function readChange(options: OptionValues<typeof OPTIONS>): OciResources {
  const size = (name: 'memory' | 'memory-reservation' | 'memory-swap'): number | undefined =>
    options[name] === undefined ? undefined : parseSize(options[name], name)
  const cpu = defined({
    period: options['cpu-period'],
    quota: options['cpu-quota'],
    burst: options['cpu-burst'],
    shares: options['cpu-share'],
    realtimePeriod: options['cpu-rt-period'],
    realtimeRuntime: options['cpu-rt-runtime'],
    cpus: options['cpuset-cpus'],
    mems: options['cpuset-mems'],
    idle: options['cpu-idle'],
  })
  const memory = defined({ limit: size('memory'), reservation: size('memory-reservation'), swap: size('memory-swap') })
  const weight = options['blkio-weight']
  const pids = options['pids-limit']
  return {
    ...(Object.keys(cpu).length === 0 ? {} : { cpu }),
    ...(Object.keys(memory).length === 0 ? {} : { memory }),
    ...(weight === undefined ? {} : { blockIO: { weight } }),
    ...(pids === undefined ? {} : { pids: { limit: pids } }),
  }
}

type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> }

function defined<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>
}
