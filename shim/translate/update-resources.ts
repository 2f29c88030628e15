// SPDX-License-Identifier: Apache-2.0
import type { HugepageLimit, LinuxContainerResources } from '../../cri-proto/index.ts'

/**
 * The limits of a container after UpdateContainerResources: 0 and "" leave a field as it is. A new memory limit without
 * a swap limit takes the swap limit with it, so that swap stays forbidden where it was.
 */
export function updatedResources(
  current: LinuxContainerResources | undefined,
  update: LinuxContainerResources,
): LinuxContainerResources {
  if (current === undefined) return update
  const swap = update.memoryLimitInBytes === 0n ? current.memorySwapLimitInBytes : 0n
  return {
    cpuPeriod: update.cpuPeriod || current.cpuPeriod,
    cpuQuota: update.cpuQuota || current.cpuQuota,
    cpuShares: update.cpuShares || current.cpuShares,
    memoryLimitInBytes: update.memoryLimitInBytes || current.memoryLimitInBytes,
    memorySwapLimitInBytes: update.memorySwapLimitInBytes || swap,
    oomScoreAdj: update.oomScoreAdj || current.oomScoreAdj,
    cpusetCpus: update.cpusetCpus || current.cpusetCpus,
    cpusetMems: update.cpusetMems || current.cpusetMems,
    hugepageLimits: updatedHugepages(current.hugepageLimits, update.hugepageLimits),
    unified: { ...current.unified, ...update.unified },
  }
}

function updatedHugepages(current: readonly HugepageLimit[], update: readonly HugepageLimit[]): HugepageLimit[] {
  const bySize = new Map([...current, ...update].map((limit) => [limit.pageSize, limit]))
  return [...bySize.values()]
}
