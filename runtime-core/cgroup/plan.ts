// SPDX-License-Identifier: Apache-2.0
import type { Variant } from '../kernel/sd-bus-signature.ts'

/** One write to a file of a cgroup. */
export interface CgroupWrite {
  readonly path: string
  /** Written in one write(2). Empty when `copyFrom` is given. */
  readonly value: string
  /** The value is the content of this file, and it is written only when `path` is still empty (v1 cpuset). */
  readonly copyFrom?: string
  /** Where `path` is not there, this file takes the setting instead, in its own form: BFQ's weight or iocost's. */
  readonly orElse?: { readonly path: string; readonly value: string }
  /** Names of errnos that are not failures, at most two: `ENOENT` for a file an older kernel lacks. */
  readonly ignore?: readonly string[]
}

/** How a container is stopped and resumed: which files say so differs by version. */
export interface CgroupFreezer {
  readonly version: 1 | 2
  readonly directory: string
}

/** A container's cgroup as data: what the launch plan does to make it, and which files are of use later. */
export interface CgroupPlan {
  /** To mkdir, parents first, absolute; existing ones are fine. */
  readonly directories: readonly string[]
  /** The container's own directories, one a hierarchy: what removeCgroup is told. */
  readonly leaves: readonly string[]
  /** In order, after the directories are made and before a process is in them. */
  readonly writes: readonly CgroupWrite[]
  /** v1: `tasks` files into which the single-threaded child writes `0`. */
  readonly joinFiles: readonly string[]
  /** v2, hybrid: the child is born there (CLONE_INTO_CGROUP). */
  readonly unifiedDirectory?: string
  /** v2: eBPF instructions of 8 bytes each, to be attached to `unifiedDirectory`; absent: all devices allowed. */
  readonly deviceProgram?: Uint8Array
  /** Its line `oom_kill N` counts the OOM killer's victims: memory.events or memory.oom_control. Absent: no memory controller. */
  readonly oomFile?: string
  /** cgroup.kill (v2, hybrid; Linux 5.14). */
  readonly killFile?: string
  /** cgroup.procs with the container's processes, for killing them one by one. */
  readonly procsFile: string
  readonly freezer?: CgroupFreezer
  /** Whose cgroup it is where systemd makes it: the launch plan then finds it made. */
  readonly unit?: CgroupUnit
  /** What was asked for and tolerated to be missing, in words. */
  readonly warnings: readonly string[]
}

/** A property of a unit as StartTransientUnit and SetUnitProperties take it. */
export type UnitProperty = readonly [name: string, value: Variant]

/** The unit of systemd that a container's cgroup belongs to. It is there before the child, with another process in it. */
export interface CgroupUnit {
  readonly name: string
  /** To start it with, beside PIDs. */
  readonly properties: readonly UnitProperty[]
  /** To be written once that other process has left it: until then there is room for both. */
  readonly settled: readonly CgroupWrite[]
}

export interface CgroupOptions {
  /** Huge page limits where there is no hugetlb controller are a warning (as containerd does it), not an error. */
  readonly tolerateMissingHugetlb?: boolean
  /** Of the bundle: `org.systemd.property.*` become properties of the unit where systemd makes it. */
  readonly annotations?: Readonly<Record<string, string>>
}
