// SPDX-License-Identifier: Apache-2.0

import type { CgroupHost } from '../../cgroup/detect.ts'
import type { CgroupPlan } from '../../cgroup/manager.ts'
import type { OciSpec } from '../../spec/types.ts'
import type { SentSlot } from '../ops.ts'
import type { CapabilityHost } from './capabilities.ts'
import type { Lifecycle } from './lifecycle.ts'

/** The root file system of a container; mounted by the plan, in the container's own mount namespace. */
export type RootfsMount =
  | {
      readonly kind: 'overlay'
      /** Newest first; absolute. */
      readonly lowerdirs: readonly string[]
      /** Absent: read-only. */
      readonly upperdir?: string
      readonly workdir?: string
    }
  | {
      readonly kind: 'bind'
      readonly source: string
      /** Its files have the host's ids already, as those of an OCI bundle do: no id-mapped mount. */
      readonly hasHostIds?: boolean
    }

/** What a plan depends on beside the bundle; facts about the host are read once and handed in. */
export interface HostFacts {
  readonly cgroup: CgroupHost
  /** Linux ≥ 6.5: overlayfs takes one `lowerdir+` a layer, so there is no limit of a page. */
  readonly overlayLowerdirPlus: boolean
  readonly capabilities: CapabilityHost
}

/** How others name a container: a seccomp listener is told, resctrl has a directory of this name. */
export interface ContainerIdentity {
  readonly id: string
  /** Absolute. */
  readonly bundle: string
}

/** A system call filter ready to be loaded. */
export interface SeccompFilter {
  /** struct sock_filter[] */
  readonly filter: Uint8Array
  /** Flags of seccomp(2). */
  readonly flags: number
}

export interface ContainerInput {
  readonly spec: OciSpec
  /** Needed by a bundle with a seccomp listener, or a class of service of its own. */
  readonly identity?: ContainerIdentity
  readonly rootfs: RootfsMount
  /** An existing directory of the host on which the root is mounted (inside the container's namespace only). */
  readonly mountPoint: string
  readonly cgroup: CgroupPlan
  readonly host: HostFacts
  /** Paths of namespaces that the keeper holds, by slot: joined without opening anything. */
  readonly podNamespaces: ReadonlyMap<string, SentSlot>
  /** The source path that stands for the pod's /dev/shm, where it has one. */
  readonly podShm: string | undefined
  /** The compiled `linux.seccomp`, where the bundle has one. */
  readonly seccomp: SeccompFilter | undefined
  /** A bind source that is missing becomes a directory, as Kubernetes runtimes have it; else it is an error (runc). */
  readonly makeBindSources: boolean
  /** Bind sources that are filled with what the image has at their destination before they cover it: image volumes. */
  readonly copyUpSources: ReadonlySet<string>
  /** Which of the standard streams the keeper connects; the others are /dev/null. */
  readonly stdio: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean } | 'inherit'
  /** The root is moved in place of pivot_root, which a root in a ramdisk does not take. */
  readonly noPivot?: boolean
  /** Absent: a child of the keeper, which runs at once and dies with it. */
  readonly lifecycle?: Lifecycle
}
