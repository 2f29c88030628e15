// SPDX-License-Identifier: Apache-2.0
import type { LinuxContainerResources } from '../../cri-proto/index.ts'
import type { OciResources } from '../../runtime-core/spec/types.ts'

/** OCI limits as CRI reports them in a container's status; what is not limited is 0 or "". */
export function criResources(resources: OciResources, oomScoreAdj: number | undefined): LinuxContainerResources {
  const { cpu = {}, memory = {}, hugepageLimits = [], unified = {} } = resources
  return {
    cpuPeriod: whole(cpu.period),
    cpuQuota: whole(cpu.quota),
    cpuShares: whole(cpu.shares),
    memoryLimitInBytes: whole(memory.limit),
    memorySwapLimitInBytes: whole(memory.swap),
    oomScoreAdj: whole(oomScoreAdj),
    cpusetCpus: cpu.cpus ?? '',
    cpusetMems: cpu.mems ?? '',
    hugepageLimits: hugepageLimits.map(({ pageSize, limit }) => ({ pageSize, limit: whole(limit) })),
    unified: { ...unified },
  }
}

function whole(value: number | undefined): bigint {
  return BigInt(Math.trunc(value ?? 0))
}
