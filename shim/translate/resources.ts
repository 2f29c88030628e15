// SPDX-License-Identifier: Apache-2.0
import type { LinuxContainerResources } from '../../cri-proto/index.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import type { OciCpu, OciMemory, OciResources } from '../../runtime-core/spec/types.ts'
import type { HostFacts } from './host-facts.ts'
import { invalidField } from './invalid-field.ts'

const UNLIMITED = -1
/** The kernel's own bounds (sched/core.c): period 1 ms to 1 s, quota from 1 ms. */
const MIN_CPU_MICROSECONDS = 1000n
const MAX_PERIOD_MICROSECONDS = 1_000_000n
/** What the kernel takes at most; it cuts larger values itself. */
const MAX_CPU_SHARES = 262_144n
const CPU_LIST = /^\d+(-\d+(:\d+\/\d+)?)?(,\d+(-\d+(:\d+\/\d+)?)?)*$/

export type ResourceFacts = Pick<HostFacts, 'cgroupVersion' | 'hugetlb' | 'swapController'>

/**
 * The limits of a container, without devices. 0 and "" mean "not set". A memory limit without a swap limit forbids swap,
 * as with the peers.
 *
 * @throws GantryError invalid_argument for a value out of range; failed_precondition for `unified` without cgroup v2.
 */
export function ociResources(request: LinuxContainerResources | undefined, host: ResourceFacts): OciResources {
  if (request === undefined) return {}
  const cpu = cpuOf(request)
  const memory = memoryOf(request, host.swapController)
  const unified = unifiedOf(request, host.cgroupVersion)
  const hugepageLimits = host.hugetlb ? hugepagesOf(request) : []
  return {
    ...(Object.keys(cpu).length === 0 ? {} : { cpu }),
    ...(Object.keys(memory).length === 0 ? {} : { memory }),
    ...(hugepageLimits.length === 0 ? {} : { hugepageLimits }),
    ...(Object.keys(unified).length === 0 ? {} : { unified }),
  }
}

/**
 * `oom_score_adj`; 0 also where no resources are given: as a service the daemon has −999, and no container may inherit it.
 *
 * @throws GantryError invalid_argument outside −1000 to 1000.
 */
export function oomScoreAdj(request: LinuxContainerResources | undefined): number {
  if (request === undefined) return 0
  const value = request.oomScoreAdj
  if (value < -1000n || value > 1000n) throw invalid('oom_score_adj', value, '-1000 to 1000')
  return Number(value)
}

function cpuOf(request: LinuxContainerResources): OciCpu {
  const { cpuPeriod, cpuQuota, cpuShares, cpusetCpus, cpusetMems } = request
  if (cpuPeriod !== 0n && (cpuPeriod < MIN_CPU_MICROSECONDS || cpuPeriod > MAX_PERIOD_MICROSECONDS)) {
    throw invalid('cpu_period', cpuPeriod, `0 or ${MIN_CPU_MICROSECONDS} to ${MAX_PERIOD_MICROSECONDS} microseconds`)
  }
  if (cpuQuota !== 0n && cpuQuota !== -1n && (cpuQuota < MIN_CPU_MICROSECONDS || cpuQuota > Number.MAX_SAFE_INTEGER)) {
    throw invalid('cpu_quota', cpuQuota, `-1, 0 or from ${MIN_CPU_MICROSECONDS} microseconds`)
  }
  if (cpuShares < 0n) throw invalid('cpu_shares', cpuShares, '0 or more')
  for (const [field, list] of [
    ['cpuset_cpus', cpusetCpus],
    ['cpuset_mems', cpusetMems],
  ] as const) {
    if (list !== '' && !CPU_LIST.test(list)) throw invalid(field, list, 'a list such as 0-3,8')
  }
  const shares = cpuShares > MAX_CPU_SHARES ? MAX_CPU_SHARES : cpuShares
  return {
    ...(cpuPeriod === 0n ? {} : { period: Number(cpuPeriod) }),
    ...(cpuQuota === 0n ? {} : { quota: Number(cpuQuota) }),
    ...(shares === 0n ? {} : { shares: Number(shares) }),
    ...(cpusetCpus === '' ? {} : { cpus: cpusetCpus }),
    ...(cpusetMems === '' ? {} : { mems: cpusetMems }),
  }
}

function memoryOf(request: LinuxContainerResources, swapController: boolean): OciMemory {
  const limit = bytes('memory_limit_in_bytes', request.memoryLimitInBytes)
  const requestedSwap = bytes('memory_swap_limit_in_bytes', request.memorySwapLimitInBytes)
  if (requestedSwap > 0 && (limit <= 0 || requestedSwap < limit)) {
    const field = 'memory_swap_limit_in_bytes'
    throw invalid(field, request.memorySwapLimitInBytes, `at least memory_limit_in_bytes, ${limit}`)
  }
  const swap = requestedSwap === 0 ? limit : requestedSwap
  return {
    ...(limit === 0 ? {} : { limit }),
    ...(swap === 0 || !swapController ? {} : { swap }),
  }
}

/** Beyond 2⁵³ − 1 (8 PiB) a limit is none. */
function bytes(field: string, value: bigint): number {
  if (value < -1n) throw invalid(field, value, 'bytes, 0 for unset or -1 for unlimited')
  return value > Number.MAX_SAFE_INTEGER ? UNLIMITED : Number(value)
}

function hugepagesOf(request: LinuxContainerResources): { pageSize: string; limit: number }[] {
  return request.hugepageLimits.map(({ pageSize, limit }) => {
    if (!/^\d+[KMG]B$/.test(pageSize)) throw invalid('hugepage_limits.page_size', pageSize, 'a size such as 2MB')
    return { pageSize, limit: Math.min(Number(limit), Number.MAX_SAFE_INTEGER) }
  })
}

function unifiedOf(
  { unified }: LinuxContainerResources,
  version: HostFacts['cgroupVersion'],
): Readonly<Record<string, string>> {
  const [first] = Object.entries(unified)
  if (first === undefined) return {}
  if (version !== 2) {
    throw new GantryError('failed_precondition', {
      action: 'translate',
      subject: 'config.linux.resources.unified',
      reason: `${JSON.stringify(first[0])} needs cgroup v2, which this node does not have`,
    })
  }
  // The name becomes a file of the container's cgroup.
  for (const [file, value] of Object.entries(unified)) {
    if (!/^[a-z]\w*(\.\w+)+$/.test(file)) throw invalid('unified', file, 'a file of cgroup v2 such as memory.high')
    if (value.includes('\0')) throw invalid(`unified[${file}]`, value, 'a value without NUL')
  }
  return unified
}

function invalid(field: string, value: unknown, expected: string): GantryError {
  return invalidField(`config.linux.resources.${field}`, value, expected)
}
