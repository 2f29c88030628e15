// SPDX-License-Identifier: Apache-2.0

/** Pressure stall information of one resource (Documentation/accounting/psi.rst). */
export interface Pressure {
  readonly some: PressureLine
  /** Absent for the CPU of a whole machine before Linux 5.13. */
  readonly full?: PressureLine
}

export interface PressureLine {
  /** Percent of the time, over the last 10, 60, 300 seconds. */
  readonly avg10: number
  readonly avg60: number
  readonly avg300: number
  readonly totalNs: bigint
}

export interface CpuStats {
  /** Nanoseconds since the cgroup was made; more than a number holds exactly after 104 days of one processor. */
  readonly usageNs: bigint
  readonly userNs: bigint
  readonly systemNs: bigint
  /** Quota periods that passed, and those in which the container was held back. */
  readonly periods: number
  readonly throttledPeriods: number
  readonly throttledNs: bigint
  readonly pressure?: Pressure
}

/** Bytes, but for the faults. */
export interface MemoryStats {
  readonly usage: number
  /** usage − inactive file pages, at least 0: what cannot be given back at once. */
  readonly workingSet: number
  /** Anonymous memory. */
  readonly rss: number
  readonly cache: number
  /** Absent: unlimited. */
  readonly limit?: number
  /** limit − working set, at least 0; 0 when unlimited, as CRI has it. */
  readonly available: number
  readonly pageFaults: number
  readonly majorPageFaults: number
  /** Highest usage ever; absent before Linux 5.19 on v2. */
  readonly peak?: number
  /** Absent without swap accounting. */
  readonly swap?: { readonly usage: number; readonly limit?: number }
  /** Processes the OOM killer took. */
  readonly oomKills: number
  readonly pressure?: Pressure
  /** memory.stat as it is. */
  readonly raw: ReadonlyMap<string, number>
}

export interface PidsStats {
  readonly current: number
  /** Absent: unlimited. */
  readonly limit?: number
}

/** Since the cgroup was made. */
export interface IoDeviceStats {
  readonly major: number
  readonly minor: number
  readonly readBytes: number
  readonly writeBytes: number
  readonly readOperations: number
  readonly writeOperations: number
}

export interface IoStats {
  readonly devices: readonly IoDeviceStats[]
  readonly pressure?: Pressure
}

/** Figures of one cgroup; a part is absent where its controller is. */
export interface CgroupStats {
  readonly cpu?: CpuStats
  readonly memory?: MemoryStats
  readonly pids?: PidsStats
  readonly io?: IoStats
}
