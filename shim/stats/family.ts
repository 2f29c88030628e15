// SPDX-License-Identifier: Apache-2.0
import type { CgroupStats } from '../../runtime-core/cgroup/stats.ts'
import type { OciResources } from '../../runtime-core/spec/types.ts'
import type { CgroupExtras } from './cgroup-extras.ts'
import type { FileSystemFigures } from './file-system.ts'
import type { TreeUsage } from './layers.ts'
import type { InterfaceTraffic } from './net-dev.ts'
import type { ProcessFigures } from './processes.ts'

/** All that is known of a container or pod at a moment; a family reads its part. A pod has only some of it. */
export interface Figures {
  /** Nanoseconds since 1970. */
  readonly timestampNs: bigint
  readonly startedAtNs: bigint
  readonly stats?: CgroupStats | undefined
  readonly extras?: CgroupExtras | undefined
  readonly resources?: OciResources | undefined
  readonly processes?: ProcessFigures | undefined
  readonly layer?: TreeUsage | undefined
  readonly fileSystem?: FileSystemFigures | undefined
  readonly interfaces?: readonly InterfaceTraffic[] | undefined
  /** `/dev/sda` of 8:0. */
  readonly deviceName: (major: number, minor: number) => string
}

/** One series: its value, and the values of the family's own labels. Without a value it is left out. */
export type Row = readonly [value: bigint | number | undefined, ...labels: string[]]

/** One metric family. CRI carries whole numbers only: times are in whole seconds, as of both peers. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  /** Beside the base labels. */
  readonly labels?: readonly string[]
  readonly read: (figures: Figures) => readonly Row[]
}

/** Labels that every series has, in the order of their values: those that cAdvisor gives in a kubelet. */
export const BASE_LABELS = ['container', 'id', 'image', 'name', 'namespace', 'pod'] as const

const SECOND_NS = 1_000_000_000n

/** Whole seconds of nanoseconds. */
export function seconds(ns: bigint | undefined): bigint | undefined {
  return ns === undefined ? undefined : ns / SECOND_NS
}
