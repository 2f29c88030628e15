// SPDX-License-Identifier: Apache-2.0

import type { OciBlockIO, OciMemory, OciResources } from '../spec/types.ts'
import type { CgroupHost } from './detect.ts'
import { DEFAULT_DEVICE_RULES, type DevicePolicy, deviceLine, reduceDeviceRules } from './devices.ts'
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

/**
 * A container's cgroup on a host with v1 controllers. On a hybrid host it also has a directory in the unified
 * hierarchy, which limits nothing there but kills for certain, freezes, and tells when the last process is gone.
 */
export function compileV1(host: CgroupHost, path: string, resources: OciResources, options: CgroupOptions): CgroupPlan {
  const mounts = [...new Set(host.v1.values())]
  const list = listFor(host, path)
  write(list, {}, resources, options)
  const policy = reduceDeviceRules([...(resources.devices ?? []), ...DEFAULT_DEVICE_RULES])
  // A hybrid host may lack the v1 controller and take the eBPF program instead; neither is an error, by devices().
  const program = list.has('devices') || host.unifiedMount === undefined ? undefined : compileDeviceProgram(policy)
  if (program === undefined) devices(list, policy)
  const unified = host.unifiedMount === undefined ? undefined : `${host.unifiedMount}${path}`
  const memory = host.v1.get('memory')
  const freezer = host.v1.get('freezer')
  return {
    directories: [...mounts, ...(host.unifiedMount ? [host.unifiedMount] : [])].flatMap((m) => directoriesOf(m, path)),
    leaves: [...mounts.map((mount) => `${mount}${path}`), ...(unified === undefined ? [] : [unified])],
    writes: [...inheritCpuset(host, path), ...list.writes],
    // `tasks`, not cgroup.procs: a single thread that moves itself spares the kernel the wait for an RCU grace period
    // (cgroup_procs_write_start); 10 ms a start, measured on 6.18. The child has one thread.
    joinFiles: mounts.map((mount) => `${mount}${path}/tasks`),
    procsFile: `${unified ?? `${host.v1.get('pids') ?? freezer ?? mounts[0]}${path}`}/cgroup.procs`,
    ...(unified === undefined ? {} : { unifiedDirectory: unified, killFile: `${unified}/cgroup.kill` }),
    ...(program === undefined ? {} : { deviceProgram: program }),
    ...(memory === undefined ? {} : { oomFile: `${memory}${path}/memory.oom_control` }),
    ...(unified !== undefined
      ? { freezer: { version: 2, directory: unified } }
      : freezer === undefined
        ? {}
        : { freezer: { version: 1, directory: `${freezer}${path}` } }),
    warnings: list.warnings,
  }
}

/** Writes that lead from `current` to `current` with `change`. */
export function updateV1(
  host: CgroupHost,
  path: string,
  current: OciResources,
  change: OciResources,
  options: CgroupOptions,
): CgroupWrite[] {
  const list = listFor(host, path)
  write(list, current, change, options)
  return list.writes
}

function listFor(host: CgroupHost, path: string): WriteList {
  return new WriteList((controller) => {
    const mount = host.v1.get(controller)
    return mount === undefined ? undefined : `${mount}${path}`
  })
}

/** A new v1 cpuset is empty, and nothing can join it: cpuset(7). What already has values, the kubelet's, keeps them. */
function inheritCpuset(host: CgroupHost, path: string): CgroupWrite[] {
  const mount = host.v1.get('cpuset')
  if (mount === undefined) return []
  const directories = [mount, ...directoriesOf(mount, path)]
  return directories.slice(1).flatMap((directory, depth) =>
    ['cpuset.mems', 'cpuset.cpus'].map((file) => ({
      path: `${directory}/${file}`,
      value: '',
      copyFrom: `${directories[depth]}/${file}`,
    })),
  )
}

function write(list: WriteList, current: OciResources, change: OciResources, options: CgroupOptions): void {
  const merged = mergeResources(current, change)
  const cpu = { current: current.cpu ?? {}, change: change.cpu ?? {}, merged: merged.cpu ?? {} }
  cpuShares(list, cpu, 'cpu.shares', (shares) => between(shares, 2, 262_144, 'cpu.shares'))
  bandwidth(list, cpu)
  realtime(list, cpu)
  cpuset(list, change)
  warnOfKernelMemory(list, change)
  memory(list, current.memory ?? {}, change.memory ?? {}, merged.memory ?? {})
  pids(list, change)
  blockIO(list, change.blockIO ?? {})
  hugetlb(list, change, 'limit_in_bytes', options)
  network(list, change)
  rdma(list, change)
  const [unified] = Object.keys(change.unified ?? {})
  if (unified !== undefined) throw refused(`unified.${unified}`, change.unified?.[unified], 'unset on cgroup v1')
}

/**
 * Quota and period are two files, and after each write their ratio must not exceed the parent's. Whichever keeps the
 * ratio between the old and the new goes first. burst ≤ quota holds at every step, too.
 */
function bandwidth(list: WriteList, { current, change, merged }: CpuChange): void {
  const set = (file: string, field: string, value: number | undefined): void => {
    if (value !== undefined) list.set({ controller: 'cpu', file, value, field })
  }
  const period = () => set('cpu.cfs_period_us', 'cpu.period', change.period || undefined)
  const quota = () => set('cpu.cfs_quota_us', 'cpu.quota', change.quota ? Math.max(-1, change.quota) : undefined)
  const burst = () => set('cpu.cfs_burst_us', 'cpu.burst', change.burst)
  refuseBurstAboveQuota(merged)
  const lowerBurst = (change.burst ?? 0) < (current.burst ?? 0)
  if (lowerBurst) burst()
  const unlimited = (current.quota ?? -1) < 0
  const periodFirst = unlimited || ((merged.quota ?? -1) > 0 && (merged.period ?? 0) >= (current.period ?? 100_000))
  for (const step of periodFirst ? [period, quota] : [quota, period]) step()
  if (!lowerBurst) burst()
}

/** runtime ≤ period at every step. */
function realtime(list: WriteList, { current, change }: CpuChange): void {
  const set = (file: string, field: string, value: number | undefined): void => {
    if (value) list.set({ controller: 'cpu', file, value, field })
  }
  const period = () => set('cpu.rt_period_us', 'cpu.realtimePeriod', change.realtimePeriod)
  const runtime = () => set('cpu.rt_runtime_us', 'cpu.realtimeRuntime', change.realtimeRuntime)
  const shrinks = (change.realtimePeriod ?? 0) < (current.realtimePeriod ?? 0)
  for (const step of shrinks ? [runtime, period] : [period, runtime]) step()
}

/**
 * limit ≤ memory+swap at every step: when the new total is not below the old limit it goes first, which makes room;
 * when it is, the limit goes first. Without swap accounting there is no file; that only matters when swap is granted.
 */
function memory(list: WriteList, current: OciMemory, change: OciMemory, merged: OciMemory): void {
  const limit = change.limit || undefined
  const swap = change.swap || (limit === -1 ? -1 : undefined)
  refuseSwapBelowLimit(merged, limit, swap)
  const optional = swap === -1 || swap === merged.limit ? { ignore: ['ENOENT'] } : {}
  const setLimit = () => bytes(list, 'memory.limit_in_bytes', 'memory.limit', limit)
  const setSwap = () => bytes(list, 'memory.memsw.limit_in_bytes', 'memory.swap', swap, optional)
  // −1 is as large as can be.
  const before = current.limit && current.limit > 0 ? current.limit : Number.POSITIVE_INFINITY
  const swapFirst = swap === -1 || (swap !== undefined && swap >= before)
  for (const step of swapFirst ? [setSwap, setLimit] : [setLimit, setSwap]) step()
  bytes(list, 'memory.soft_limit_in_bytes', 'memory.reservation', change.reservation || undefined)
  bytes(list, 'memory.kmem.tcp.limit_in_bytes', 'memory.kernelTCP', change.kernelTCP || undefined)
  if (change.useHierarchy !== undefined) {
    // Linux 5.11 knows no other way, and answers EINVAL to 0.
    const value = change.useHierarchy ? 1 : 0
    list.set({ controller: 'memory', file: 'memory.use_hierarchy', value, field: 'memory.useHierarchy' })
  }
  if (change.swappiness !== undefined) {
    const value = between(change.swappiness, 0, 100, 'memory.swappiness')
    list.set({ controller: 'memory', file: 'memory.swappiness', value, field: 'memory.swappiness' })
  }
  const disable = change.disableOOMKiller
  if (disable === true || (disable === false && current.disableOOMKiller === true)) {
    const value = disable ? 1 : 0
    list.set({ controller: 'memory', file: 'memory.oom_control', value, field: 'memory.disableOOMKiller' })
  }
}

function refuseSwapBelowLimit(merged: OciMemory, limit: number | undefined, swap: number | undefined): void {
  const total = swap ?? merged.swap ?? -1
  if (total > 0 && merged.limit === undefined) throw refused('memory.swap', total, 'unset where memory.limit is unset')
  if (total <= 0 || merged.limit === undefined || (merged.limit !== -1 && merged.limit <= total)) return
  if (swap === undefined) throw refused('memory.limit', limit, `at most memory.swap (${total}), or both set`)
  throw refused('memory.swap', swap, `at least memory.limit (${merged.limit}), for it counts both`)
}

function bytes(
  list: WriteList,
  file: string,
  field: string,
  value: number | undefined,
  extra: { readonly ignore?: readonly string[] } = {},
): void {
  if (value === undefined) return
  if (value < -1) throw refused(field, value, 'bytes, or -1 for unlimited')
  // Nothing to lift where nothing limits.
  if (value === -1 && !list.has('memory')) return
  list.set({ controller: 'memory', file, value, field, ...extra })
}

/** Weights belong to the I/O scheduler: CFQ's files before Linux 5.0, BFQ's since; leaf weights went with CFQ. */
function blockIO(list: WriteList, io: OciBlockIO): void {
  const weight = (file: string, field: string, device: string, value: number | undefined): void => {
    if (!value) return
    const text = `${device}${between(value, 10, 1000, field)}`
    const orElse = file.startsWith('leaf') ? {} : { orElse: { file: `blkio.bfq.${file}`, value: text } }
    list.set({ controller: 'blkio', file: `blkio.${file}`, value: text, field, ...orElse })
  }
  weight('weight', 'blockIO.weight', '', io.weight)
  weight('leaf_weight', 'blockIO.leafWeight', '', io.leafWeight)
  for (const { major, minor, weight: own, leafWeight } of io.weightDevice ?? []) {
    weight('weight_device', 'blockIO.weightDevice', `${major}:${minor} `, own)
    weight('leaf_weight_device', 'blockIO.weightDevice.leafWeight', `${major}:${minor} `, leafWeight)
  }
  for (const [field, file] of Object.entries(THROTTLES) as [keyof typeof THROTTLES, string][]) {
    for (const { major, minor, rate } of io[field] ?? []) {
      const value = `${major}:${minor} ${decimal(rate, `blockIO.${field}`)}`
      list.set({ controller: 'blkio', file: `blkio.throttle.${file}`, value, field: `blockIO.${field}` })
    }
  }
}

const THROTTLES = {
  throttleReadBpsDevice: 'read_bps_device',
  throttleWriteBpsDevice: 'write_bps_device',
  throttleReadIOPSDevice: 'read_iops_device',
  throttleWriteIOPSDevice: 'write_iops_device',
} as const

function network(list: WriteList, { network: { classID, priorities = [] } = {} }: OciResources): void {
  if (classID) list.set({ controller: 'net_cls', file: 'net_cls.classid', value: classID, field: 'network.classID' })
  for (const { name, priority } of priorities) {
    const field = 'network.priorities'
    if (!/^[^\s/]{1,15}$/.test(name)) throw refused(`${field}.name`, name, 'the name of a network interface')
    const value = `${name} ${decimal(priority, field)}`
    list.set({ controller: 'net_prio', file: 'net_prio.ifpriomap', value, field })
  }
}

/** A new cgroup has its parent's devices: all denied first, then what is allowed; nothing at all where all is allowed. */
function devices(list: WriteList, policy: DevicePolicy): void {
  const set = (file: string, value: string) => list.set({ controller: 'devices', file, value, field: 'devices' })
  if (!policy.allowByDefault) set('devices.deny', 'a')
  const file = policy.allowByDefault ? 'devices.deny' : 'devices.allow'
  for (const exception of policy.exceptions) set(file, deviceLine(exception))
}
