// SPDX-License-Identifier: Apache-2.0
import type { OciDevice } from '../../runtime-core/spec/types.ts'

/** What a translation has to know of the node. Read once at start by whoever calls. */
export interface HostFacts {
  readonly cgroupVersion: 1 | 2 | 'hybrid'
  /** /proc/sys/kernel/cap_last_cap. */
  readonly lastCap: number
  /** Every device node below /dev, for privileged containers. */
  readonly devices: readonly OciDevice[]
  /** The hugetlb controller is there. */
  readonly hugetlb: boolean
  /** Swap can be limited: memory.memsw.limit_in_bytes (v1) or memory.swap.max (v2) is there. */
  readonly swapController: boolean
  /** `uname -r`. */
  readonly kernelRelease: string
  /** `process.arch`. */
  readonly arch: string
  /** mount_setattr(2) with AT_RECURSIVE works: kernel ≥ 5.12. */
  readonly recursiveReadOnly: boolean
  /** Pods can have user namespaces: id-mapped overlay layers, kernel ≥ 5.19. */
  readonly userNamespaces: boolean
  readonly lsm: HostLsm
}

export interface HostLsm {
  /** SELinux is enabled: /sys/fs/selinux is mounted. */
  readonly selinux?: boolean
  /** Absent: not enabled on this node. */
  readonly apparmor?: {
    /** What RuntimeDefault stands for; absent where it could not be loaded. */
    readonly defaultProfile?: string
    /** Why it could not. */
    readonly problem?: string
    /** Names in /sys/kernel/security/apparmor/profiles. */
    readonly loaded: Pick<ReadonlySet<string>, 'has'>
  }
}

/** The `config` object of an OCI image, as far as containers follow it. */
export interface ImageConfig {
  readonly User?: string
  readonly Env?: readonly string[]
  readonly Entrypoint?: readonly string[]
  readonly Cmd?: readonly string[]
  readonly WorkingDir?: string
  readonly Volumes?: Readonly<Record<string, unknown>>
  readonly StopSignal?: string
}
