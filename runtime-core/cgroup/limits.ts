// SPDX-License-Identifier: Apache-2.0

import type { OciCpu, OciResources } from '../spec/types.ts'
import { pidsMax } from './convert.ts'
import type { CgroupOptions } from './plan.ts'
import { between, cpuList, decimal, pageSize, refused, type WriteList } from './writes.ts'

/** The limits that both versions take alike, but for the names of files. */

export function pids(list: WriteList, { pids: { limit } = {} }: OciResources): void {
  // Nothing to lift where nothing limits.
  if (limit === undefined || (limit < 0 && !list.has('pids'))) return
  list.set({ controller: 'pids', file: 'pids.max', value: pidsMax(limit), field: 'pids.limit' })
}

export function cpuset(list: WriteList, { cpu: { cpus, mems } = {} }: OciResources): void {
  const set = (name: 'cpus' | 'mems', value: string | undefined): void => {
    if (!value) return
    const field = `cpu.${name}`
    list.set({ controller: 'cpuset', file: `cpuset.${name}`, value: cpuList(value, field), field })
  }
  set('mems', mems)
  set('cpus', cpus)
}

/**
 * The share of the processors. cpu.idle fixes the weight: it must be 0 for the weight to be set, and back at 0 the
 * weight must be set anew.
 */
export function cpuShares(
  list: WriteList,
  { current, change, merged }: CpuChange,
  file: string,
  convert: (shares: number) => number,
): void {
  const idle = change.idle === undefined ? undefined : between(change.idle, 0, 1, 'cpu.idle')
  const setIdle = (value: number) => list.set({ controller: 'cpu', file: 'cpu.idle', value, field: 'cpu.idle' })
  if (idle === 0) setIdle(idle)
  const shares = change.shares || (idle === 0 && current.idle === 1 ? merged.shares : undefined)
  if (shares && merged.idle !== 1) list.set({ controller: 'cpu', file, value: convert(shares), field: 'cpu.shares' })
  if (idle === 1) setIdle(idle)
}

/** What is in force, what is to change, and both together. */
export interface CpuChange {
  readonly current: OciCpu
  readonly change: OciCpu
  readonly merged: OciCpu
}

export function refuseBurstAboveQuota({ burst = 0, quota = -1 }: OciCpu): void {
  if (quota > 0 && burst > quota) throw refused('cpu.burst', burst, `at most cpu.quota (${quota})`)
}

/** The file of v1 is still there, and takes any value without effect since Linux 5.16; v2 never had one. */
export function warnOfKernelMemory(list: WriteList, { memory: { kernel = 0 } = {} }: OciResources): void {
  if (kernel > 0) list.warnings.push('memory.kernel ignored: Linux no longer limits the memory of the kernel by itself')
}

/** `suffix`: of the file that limits, `limit_in_bytes` or `max`. */
export function hugetlb(
  list: WriteList,
  { hugepageLimits = [] }: OciResources,
  suffix: string,
  options: CgroupOptions,
): void {
  if (hugepageLimits.length > 0 && !list.has('hugetlb') && options.tolerateMissingHugetlb) {
    list.warnings.push('hugepageLimits ignored: this host has no hugetlb controller')
    return
  }
  for (const { pageSize: text, limit } of hugepageLimits) {
    const size = pageSize(text)
    const setting = { controller: 'hugetlb', value: limit, field: 'hugepageLimits' }
    list.set({ ...setting, file: `hugetlb.${size}.${suffix}` })
    // Linux < 5.7 does not limit reservations.
    list.set({ ...setting, file: `hugetlb.${size}.rsvd.${suffix}`, ignore: ['ENOENT'] })
  }
}

export function rdma(list: WriteList, { rdma: limits = {} }: OciResources): void {
  for (const [device, { hcaHandles, hcaObjects }] of Object.entries(limits)) {
    if (!/^[^\s]{1,64}$/.test(device)) throw refused('rdma', device, 'the name of a device')
    const parts = [device]
    if (hcaHandles !== undefined) parts.push(`hca_handle=${decimal(hcaHandles, 'rdma.hcaHandles')}`)
    if (hcaObjects !== undefined) parts.push(`hca_object=${decimal(hcaObjects, 'rdma.hcaObjects')}`)
    if (parts.length > 1) list.set({ controller: 'rdma', file: 'rdma.max', value: parts.join(' '), field: 'rdma' })
  }
}
