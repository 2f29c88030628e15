// SPDX-License-Identifier: Apache-2.0
import type { CgroupHost } from '../../runtime-core/cgroup/detect.ts'
import type { CgroupDriver } from '../../runtime-core/cgroup/driver.ts'
import type { PodEnvironment } from '../../runtime-core/pod.ts'
import type { OciRlimit } from '../../runtime-core/spec/types.ts'
import type { GantryConfig } from '../config/schema.ts'
import type { ContainerRecord } from '../container/container.ts'
import type { Broadcast } from '../events/broadcast.ts'
import type { Images } from '../image/index.ts'
import type { CniConfigurations } from '../network/cni/discover.ts'
import type { PodNetwork } from '../network/cni/network.ts'
import type { SandboxRecord } from '../pod/sandbox.ts'
import type { EncodedMessage } from '../server/fragments.ts'
import type { NodeStats } from '../stats/node-stats.ts'
import type { Inflight, KeyedLock } from '../store/keyed-lock.ts'
import type { RecordTable } from '../store/record-table.ts'
import type { HostFacts } from '../translate/host-facts.ts'
import type { Objects } from './objects.ts'

/** All that the RPC methods work with; put together in main.ts, on one page. */
export interface RuntimeNode {
  readonly config: GantryConfig
  readonly objects: Objects
  readonly sandboxTable: RecordTable<SandboxRecord>
  readonly containerTable: RecordTable<ContainerRecord>
  readonly pods: PodEnvironment
  readonly network: PodNetwork
  readonly networkConfigurations: CniConfigurations
  readonly images: Images
  readonly host: HostFacts
  readonly hostname: string
  /** Of every container. */
  readonly rlimits: readonly OciRlimit[]
  /** Lies below every image: container/mount-points.ts. */
  readonly mountPointLayer: string
  readonly cgroupHost: CgroupHost
  readonly cgroups: CgroupDriver
  /** Where the figures of pods and containers come from. */
  readonly stats: NodeStats
  /** Who subscribed to GetContainerEvents. */
  readonly events: Broadcast<EncodedMessage>
  /** Operations of one sandbox or container, one after the other. */
  readonly locks: KeyedLock
  /** RunPodSandbox and CreateContainer under way, by unique name. */
  readonly creations: Inflight<string>
  /** 64 hex characters, never used before. */
  readonly newId: () => string
  /** Nanoseconds since the epoch. */
  readonly now: () => bigint
  /** Something that could not be undone or cleaned; it is retried at the next start. */
  readonly onLeftover: (what: string, subject: string, error: unknown) => void
}
