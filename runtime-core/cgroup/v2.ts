// SPDX-License-Identifier: Apache-2.0

import type { OciBlockIO, OciCpu, OciMemory, OciResources } from '../spec/types.ts'
import { bytesOrMax, cpuWeight, ioWeight, swapMax } from './convert.ts'
import type { CgroupHost } from './detect.ts'
import { DEFAULT_DEVICE_RULES, reduceDeviceRules } from './devices.ts'
import { compileDeviceProgram } from './devices-ebpf.ts'
import {
  type CpuChange,
  cpuShares,
  cpuset,
  hugetlb,
  pids,
  rdma,
  refuseBurstAboveQuota,
  warnOfKernelMemory,
} from './limits.ts'
import { mergeResources } from './merge.ts'
import { directoriesOf } from './path.ts'
import type { CgroupOptions, CgroupPlan, CgroupWrite } from './plan.ts'
import { between, decimal, refused, WriteList } from './writes.ts'

/** Handed down to every container where the kernel has them, for their figures even where nothing is limited. */
const WANTED = ['cpu', 'cpuset', 'io', 'memory', 'pids', 'hugetlb', 'rdma', 'misc']

/** A container's cgroup in the unified hierarchy: a leaf, into which the child is born. */
export function compileV2(host: CgroupHost, path: string, resources: OciResources, options: CgroupOptions): CgroupPlan {
  const mount = host.unifiedMount ?? '/sys/fs/cgroup'
  const directories = directoriesOf(mount, path)
  const leaf = `${mount}${path}`
  const list = listFor(host, leaf)
  write(list, {}, resources, options)
  const program = compileDeviceProgram(reduceDeviceRules([...(resources.devices ?? []), ...DEFAULT_DEVICE_RULES]))
  return {
    directories,
    leaves: [leaf],
    // Controllers must be on in a parent before they show in its children, hence from the root down.
    writes: [...[mount, ...directories.slice(0, -1)].flatMap((parent) => enable(parent, host, list)), ...list.writes],
    joinFiles: [],
    unifiedDirectory: leaf,
    ...(program === undefined ? {} : { deviceProgram: program }),
    ...(host.controllers.includes('memory') ? { oomFile: `${leaf}/memory.events` } : {}),
    killFile: `${leaf}/cgroup.kill`,
    procsFile: `${leaf}/cgroup.procs`,
    freezer: { version: 2, directory: leaf },
    warnings: list.warnings,
  }
}

/** Writes that lead from `current` to `current` with `change`. */
export function updateV2(
  host: CgroupHost,
  path: string,
  current: OciResources,
  change: OciResources,
  options: CgroupOptions,
): CgroupWrite[] {
  const list = listFor(host, `${host.unifiedMount ?? '/sys/fs/cgroup'}${path}`)
  write(list, current, change, options)
  return list.writes
}

function listFor(host: CgroupHost, leaf: string): WriteList {
  return new WriteList((controller) =>
    controller === 'cgroup' || host.controllers.includes(controller) ? leaf : undefined,
  )
}

/**
 * Turns controllers on for the children of `parent`. What the limits need must succeed; the others are tried one by one,
 * for one refusal (cpu, with realtime processes about) refuses a whole line.
 */
function enable(parent: string, host: CgroupHost, list: WriteList): CgroupWrite[] {
  const path = `${parent}/cgroup.subtree_control`
  const available = WANTED.filter((controller) => host.controllers.includes(controller))
  const needed = available.filter((controller) => list.used.has(controller)).map((controller) => `+${controller}`)
  const others = available.filter((controller) => !list.used.has(controller))
  return [
    ...(needed.length === 0 ? [] : [{ path, value: needed.join(' ') }]),
    ...others.map((controller) => ({ path, value: `+${controller}`, ignore: ['EINVAL', 'ENOENT'] })),
  ]
}

function write(list: WriteList, current: OciResources, change: OciResources, options: CgroupOptions): void {
  const merged = mergeResources(current, change)
  const cpu = { current: current.cpu ?? {}, change: change.cpu ?? {}, merged: merged.cpu ?? {} }
  cpuShares(list, cpu, 'cpu.weight', (shares) => cpuWeight(between(shares, 1, Number.MAX_SAFE_INTEGER, 'cpu.shares')))
  bandwidth(list, cpu)
  cpuset(list, change)
  memory(list, change.memory ?? {}, merged.memory ?? {})
  pids(list, change)
  blockIO(list, change.blockIO ?? {})
  hugetlb(list, change, 'max', options)
  rdma(list, change)
  warnOfKernelMemory(list, change)
  refuseV1Only(change)
  unified(list, change)
}

/** burst ≤ quota holds at every step. */
function bandwidth(list: WriteList, { current, change, merged }: CpuChange): void {
  const set = (file: string, field: string, value: string | number | undefined): void => {
    if (value !== undefined) list.set({ controller: 'cpu', file, value, field })
  }
  refuseBurstAboveQuota(merged)
  const lowerBurst = (change.burst ?? 0) < (current.burst ?? 0)
  if (lowerBurst) set('cpu.max.burst', 'cpu.burst', change.burst)
  set('cpu.max', 'cpu.quota', cpuMax(change, merged))
  if (!lowerBurst) set('cpu.max.burst', 'cpu.burst', change.burst)
}

function cpuMax(change: OciCpu, { quota = -1, period = 100_000 }: OciCpu): string | undefined {
  if (!change.quota && !change.period) return undefined
  return `${quota > 0 ? decimal(quota, 'cpu.quota') : 'max'} ${decimal(period, 'cpu.period')}`
}

function memory(list: WriteList, change: OciMemory, merged: OciMemory): void {
  const set = (file: string, field: string, value: string | undefined, ignore?: readonly string[]): void => {
    // Nothing to lift where nothing limits.
    if (value === undefined || (value === 'max' && !list.has('memory'))) return
    list.set({ controller: 'memory', file, value, field, ...(ignore === undefined ? {} : { ignore }) })
  }
  const { limit, reservation } = change
  if (limit) set('memory.max', 'memory.limit', bytesOrMax(limit, 'memory.limit'))
  if (reservation) set('memory.low', 'memory.reservation', bytesOrMax(reservation, 'memory.reservation'))
  // `merged` has the limit in force; swap itself only counts when it is being set.
  const { swap: _, ...limits } = merged
  const swap = change.swap || limit === -1 ? swapMax({ ...limits, swap: change.swap ?? 0 }) : undefined
  // Without swap accounting the file is missing, which is as good as these two.
  set('memory.swap.max', 'memory.swap', swap, swap === 'max' || swap === '0' ? ['ENOENT'] : undefined)
}

/** Weights are BFQ's where that scheduler is, else iocost's, which has none for a single device. */
function blockIO(list: WriteList, io: OciBlockIO): void {
  if (io.weight) {
    const weight = between(io.weight, 10, 1000, 'blockIO.weight')
    const orElse = { file: 'io.weight', value: ioWeight(weight) }
    list.set({ controller: 'io', file: 'io.bfq.weight', value: weight, field: 'blockIO.weight', orElse })
  }
  for (const { major, minor, weight, leafWeight } of io.weightDevice ?? []) {
    const field = 'blockIO.weightDevice'
    if (leafWeight) throw refused(`${field}.leafWeight`, leafWeight, 'unset on cgroup v2')
    if (!weight) continue
    const value = `${major}:${minor} ${between(weight, 10, 1000, field)}`
    list.set({ controller: 'io', file: 'io.bfq.weight', value, field })
  }
  for (const [name, key] of Object.entries(THROTTLES) as [keyof typeof THROTTLES, string][]) {
    const field = `blockIO.${name}`
    for (const { major, minor, rate } of io[name] ?? []) {
      const value = `${major}:${minor} ${key}=${rate === 0 ? 'max' : decimal(rate, field)}`
      list.set({ controller: 'io', file: 'io.max', value, field })
    }
  }
}

const THROTTLES = {
  throttleReadBpsDevice: 'rbps',
  throttleWriteBpsDevice: 'wbps',
  throttleReadIOPSDevice: 'riops',
  throttleWriteIOPSDevice: 'wiops',
} as const

/** What the unified hierarchy has no counterpart for. Values that ask for nothing pass. */
function refuseV1Only({ cpu = {}, memory = {}, network = {}, blockIO = {} }: OciResources): void {
  const unset = 'unset on cgroup v2'
  if (cpu.realtimeRuntime) throw refused('cpu.realtimeRuntime', cpu.realtimeRuntime, unset)
  if (cpu.realtimePeriod) throw refused('cpu.realtimePeriod', cpu.realtimePeriod, unset)
  if (memory.swappiness !== undefined) throw refused('memory.swappiness', memory.swappiness, unset)
  if (memory.useHierarchy === false) throw refused('memory.useHierarchy', false, 'true or unset on cgroup v2')
  if (memory.kernelTCP && memory.kernelTCP > 0) throw refused('memory.kernelTCP', memory.kernelTCP, unset)
  if (memory.disableOOMKiller) throw refused('memory.disableOOMKiller', true, unset)
  if (network.classID) throw refused('network.classID', network.classID, unset)
  if (network.priorities?.length) throw refused('network.priorities', network.priorities, unset)
  if (blockIO.leafWeight) throw refused('blockIO.leafWeight', blockIO.leafWeight, unset)
}

/** Written as they are, last: whoever sets them has the last word (config-linux §unified). */
function unified(list: WriteList, { unified: files = {} }: OciResources): void {
  for (const [file, value] of Object.entries(files)) {
    const field = `unified.${file}`
    const controller = /^([a-z_]+)\.[A-Za-z0-9_.]+$/.exec(file)?.[1]
    if (controller === undefined) throw refused(field, value, 'the name of a cgroup v2 file, such as memory.high')
    // Files with a line a device take one a write.
    for (const line of value.split('\n').filter((one, index) => one !== '' || index === 0)) {
      list.set({ controller, file, value: line, field })
    }
  }
}
