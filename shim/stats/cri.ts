// SPDX-License-Identifier: Apache-2.0
import type {
  CpuUsage,
  FilesystemUsage,
  IoUsage,
  MemoryUsage,
  NetworkInterfaceUsage,
  NetworkUsage,
  ProcessUsage,
  PsiData,
  PsiStats,
  SwapUsage,
} from '../../cri-proto/index.ts'
import type { MemoryStats, Pressure, PressureLine } from '../../runtime-core/cgroup/stats.ts'
import type { TreeUsage } from './layers.ts'
import type { InterfaceTraffic } from './net-dev.ts'
import type { Sample } from './sampler.ts'
import type { PodTraffic } from './traffic.ts'

/** The part of an answer that comes from a cgroup (facts: cri-semantics §8); what the kernel does not count is left out. */
export interface CgroupUsage {
  readonly cpu?: CpuUsage
  readonly memory?: MemoryUsage
  readonly swap?: SwapUsage
  readonly io?: IoUsage
}

/** Figures of one cgroup in CRI's units. */
export function cgroupUsage({ timestampNs, stats, nanoCores }: Sample): CgroupUsage {
  const { cpu, memory, io } = stats
  const cpuUsage = cpu && {
    timestamp: timestampNs,
    usageCoreNanoSeconds: { value: cpu.usageNs },
    ...(nanoCores !== undefined && { usageNanoCores: { value: nanoCores } }),
    ...psi(cpu.pressure),
  }
  const memoryUsage = memory && memoryOf(timestampNs, memory)
  const swap = memory?.swap && swapOf(timestampNs, memory.swap)
  return {
    ...(cpuUsage && { cpu: cpuUsage }),
    ...(memoryUsage && { memory: memoryUsage }),
    ...(swap && { swap }),
    ...(io?.pressure && { io: { timestamp: timestampNs, ...psi(io.pressure) } }),
  }
}

/** Figures of several cgroups as one: of a pod whose containers have no cgroup to themselves. Pressure does not add up. */
export function summedUsage(samples: readonly Sample[], timestampNs: bigint): CgroupUsage {
  const sum = (value: (sample: Sample) => bigint | number | undefined): UInt64 => ({
    value: samples.reduce((total, sample) => total + BigInt(value(sample) ?? 0), 0n),
  })
  const rated = samples.some(({ nanoCores }) => nanoCores !== undefined)
  return {
    cpu: {
      timestamp: timestampNs,
      usageCoreNanoSeconds: sum(({ stats }) => stats.cpu?.usageNs),
      ...(rated && { usageNanoCores: sum(({ nanoCores }) => nanoCores) }),
    },
    memory: {
      timestamp: timestampNs,
      workingSetBytes: sum(({ stats }) => stats.memory?.workingSet),
      // Without a limit of the whole there is no telling what is left of it.
      availableBytes: { value: 0n },
      usageBytes: sum(({ stats }) => stats.memory?.usage),
      rssBytes: sum(({ stats }) => stats.memory?.rss),
      pageFaults: sum(({ stats }) => stats.memory?.pageFaults),
      majorPageFaults: sum(({ stats }) => stats.memory?.majorPageFaults),
    },
  }
}

type UInt64 = { value: bigint }

function memoryOf(timestamp: bigint, memory: MemoryStats): MemoryUsage {
  return {
    timestamp,
    workingSetBytes: bytes(memory.workingSet),
    availableBytes: bytes(memory.available),
    usageBytes: bytes(memory.usage),
    rssBytes: bytes(memory.rss),
    pageFaults: bytes(memory.pageFaults),
    majorPageFaults: bytes(memory.majorPageFaults),
    ...psi(memory.pressure),
  }
}

function swapOf(timestamp: bigint, { usage, limit }: NonNullable<MemoryStats['swap']>): SwapUsage {
  const available = limit === undefined ? {} : { swapAvailableBytes: bytes(Math.max(0, limit - usage)) }
  return { timestamp, swapUsageBytes: bytes(usage), ...available }
}

function bytes(value: number): UInt64 {
  return { value: BigInt(value) }
}

function psi(pressure: Pressure | undefined): { psi?: PsiStats } {
  if (pressure === undefined) return {}
  const { some, full } = pressure
  return { psi: { Some: psiLine(some), ...(full && { Full: psiLine(full) }) } }
}

function psiLine({ totalNs, avg10, avg60, avg300 }: PressureLine): PsiData {
  return { Total: totalNs, Avg10: avg10, Avg60: avg60, Avg300: avg300 }
}

/** What a writable layer takes; `mountpoint` is that of ImageFsInfo, by which the kubelet knows the file system. */
export function layerUsage({ timestampNs, bytes: size, inodes }: TreeUsage, mountpoint: string): FilesystemUsage {
  return {
    timestamp: timestampNs,
    fsId: { mountpoint },
    usedBytes: { value: size },
    inodesUsed: { value: inodes },
  }
}

const DEFAULT_INTERFACE = 'eth0'

/** A pod's traffic: of eth0, else of the first interface, as the default; `interfaces` are the others (CRI v1 NetworkUsage). */
export function networkUsage({ timestampNs, interfaces }: PodTraffic): NetworkUsage {
  const main = interfaces.find(({ name }) => name === DEFAULT_INTERFACE) ?? interfaces[0]
  return {
    timestamp: timestampNs,
    ...(main && { defaultInterface: interfaceUsage(main) }),
    interfaces: interfaces.filter((one) => one !== main).map(interfaceUsage),
  }
}

function interfaceUsage({ name, rxBytes, rxErrors, txBytes, txErrors }: InterfaceTraffic): NetworkInterfaceUsage {
  return {
    name,
    rxBytes: { value: rxBytes },
    rxErrors: { value: rxErrors },
    txBytes: { value: txBytes },
    txErrors: { value: txErrors },
  }
}

export function processUsage(timestamp: bigint, count: number): ProcessUsage {
  return { timestamp, processCount: { value: BigInt(count) } }
}
