// SPDX-License-Identifier: Apache-2.0

/** The OCI runtime specification's `config.json` for Linux, version 1.3.0 (config.md, config-linux.md). */
export interface OciSpec {
  readonly ociVersion: string
  readonly root?: OciRoot
  readonly hostname?: string
  readonly domainname?: string
  readonly mounts?: readonly OciMount[]
  readonly process?: OciProcess
  readonly hooks?: Readonly<Partial<Record<OciHookName, readonly OciHook[]>>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly linux?: OciLinux
}

export interface OciRoot {
  /** Absolute, or relative to the bundle. */
  readonly path: string
  readonly readonly?: boolean
}

export interface OciMount {
  readonly destination: string
  readonly type?: string
  readonly source?: string
  readonly options?: readonly string[]
  readonly uidMappings?: readonly OciIdMapping[]
  readonly gidMappings?: readonly OciIdMapping[]
}

export interface OciProcess {
  readonly terminal?: boolean
  readonly consoleSize?: { readonly height: number; readonly width: number }
  readonly cwd: string
  readonly args?: readonly string[]
  readonly env?: readonly string[]
  readonly user?: OciUser
  readonly capabilities?: OciCapabilities
  readonly rlimits?: readonly OciRlimit[]
  readonly noNewPrivileges?: boolean
  readonly apparmorProfile?: string
  readonly selinuxLabel?: string
  readonly oomScoreAdj?: number
  readonly scheduler?: OciScheduler
  readonly ioPriority?: { readonly class: string; readonly priority: number }
  readonly execCPUAffinity?: { readonly initial?: string; readonly final?: string }
}

export interface OciUser {
  readonly uid: number
  readonly gid: number
  readonly umask?: number
  readonly additionalGids?: readonly number[]
}

export interface OciCapabilities {
  readonly bounding?: readonly string[]
  readonly effective?: readonly string[]
  readonly inheritable?: readonly string[]
  readonly permitted?: readonly string[]
  readonly ambient?: readonly string[]
}

export interface OciRlimit {
  readonly type: string
  /** Unsigned 64 bit; a bigint where a JavaScript number cannot hold it. */
  readonly soft: number | bigint
  readonly hard: number | bigint
}

export interface OciScheduler {
  readonly policy: string
  readonly nice?: number
  readonly priority?: number
  readonly flags?: readonly string[]
  /** SCHED_DEADLINE, nanoseconds, unsigned 64 bit. */
  readonly runtime?: number | bigint
  readonly deadline?: number | bigint
  readonly period?: number | bigint
}

export type OciHookName = 'prestart' | 'createRuntime' | 'createContainer' | 'startContainer' | 'poststart' | 'poststop'

export interface OciHook {
  readonly path: string
  readonly args?: readonly string[]
  readonly env?: readonly string[]
  /** Seconds, > 0. */
  readonly timeout?: number
}

export type OciNamespaceType = 'pid' | 'network' | 'mount' | 'ipc' | 'uts' | 'user' | 'cgroup' | 'time'

export interface OciNamespace {
  readonly type: OciNamespaceType
  /** Join this namespace; absent: make a new one. */
  readonly path?: string
}

export interface OciIdMapping {
  readonly containerID: number
  readonly hostID: number
  readonly size: number
}

export interface OciDevice {
  readonly type: 'c' | 'b' | 'u' | 'p'
  readonly path: string
  readonly major?: number
  readonly minor?: number
  readonly fileMode?: number
  readonly uid?: number
  readonly gid?: number
}

export interface OciLinux {
  readonly namespaces?: readonly OciNamespace[]
  readonly uidMappings?: readonly OciIdMapping[]
  readonly gidMappings?: readonly OciIdMapping[]
  readonly timeOffsets?: Readonly<Record<string, { readonly secs?: number; readonly nanosecs?: number }>>
  readonly devices?: readonly OciDevice[]
  readonly netDevices?: Readonly<Record<string, { readonly name?: string }>>
  readonly cgroupsPath?: string
  readonly resources?: OciResources
  readonly sysctl?: Readonly<Record<string, string>>
  readonly seccomp?: OciSeccomp
  readonly rootfsPropagation?: string
  readonly maskedPaths?: readonly string[]
  readonly readonlyPaths?: readonly string[]
  readonly mountLabel?: string
  readonly personality?: OciPersonality
  readonly intelRdt?: OciIntelRdt
  readonly memoryPolicy?: OciMemoryPolicy
}

export interface OciPersonality {
  readonly domain: string
  readonly flags?: readonly string[]
}

/** config-linux.md §intelRdt. */
export interface OciIntelRdt {
  /** The class of service to join; `/` is the default one. Absent: one named after the container. */
  readonly closID?: string
  readonly l3CacheSchema?: string
  readonly memBwSchema?: string
  /** Lines of the `schemata` file. */
  readonly schemata?: readonly string[]
  readonly enableMonitoring?: boolean
}

/** config-linux.md §memory policy (since 1.3): set_mempolicy(2). */
export interface OciMemoryPolicy {
  readonly mode: string
  /** `0-1,3`. */
  readonly nodes?: string
  readonly flags?: readonly string[]
}

export interface OciDeviceRule {
  readonly allow: boolean
  readonly type?: 'a' | 'c' | 'b'
  /** Absent: any. */
  readonly major?: number
  readonly minor?: number
  /** Subset of `rwm`. */
  readonly access?: string
}

export interface OciResources {
  readonly devices?: readonly OciDeviceRule[]
  readonly memory?: OciMemory
  readonly cpu?: OciCpu
  readonly pids?: { readonly limit?: number }
  readonly blockIO?: OciBlockIO
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[]
  readonly network?: {
    readonly classID?: number
    readonly priorities?: readonly { readonly name: string; readonly priority: number }[]
  }
  readonly rdma?: Readonly<Record<string, { readonly hcaHandles?: number; readonly hcaObjects?: number }>>
  readonly unified?: Readonly<Record<string, string>>
}

/** Bytes; −1 is unlimited. */
export interface OciMemory {
  readonly limit?: number
  readonly reservation?: number
  /** Memory plus swap. */
  readonly swap?: number
  /** No longer in Linux 5.16. */
  readonly kernel?: number
  readonly kernelTCP?: number
  readonly swappiness?: number
  readonly disableOOMKiller?: boolean
  readonly useHierarchy?: boolean
  readonly checkBeforeUpdate?: boolean
}

export interface OciCpu {
  readonly shares?: number
  /** Microseconds per period; ≤ 0 is unlimited. */
  readonly quota?: number
  readonly burst?: number
  /** Microseconds. */
  readonly period?: number
  readonly realtimeRuntime?: number
  readonly realtimePeriod?: number
  readonly cpus?: string
  readonly mems?: string
  readonly idle?: number
}

export interface OciBlockIO {
  readonly weight?: number
  readonly leafWeight?: number
  readonly weightDevice?: readonly {
    readonly major: number
    readonly minor: number
    readonly weight?: number
    readonly leafWeight?: number
  }[]
  readonly throttleReadBpsDevice?: readonly OciThrottle[]
  readonly throttleWriteBpsDevice?: readonly OciThrottle[]
  readonly throttleReadIOPSDevice?: readonly OciThrottle[]
  readonly throttleWriteIOPSDevice?: readonly OciThrottle[]
}

export interface OciThrottle {
  readonly major: number
  readonly minor: number
  readonly rate: number
}

export type OciSeccompAction =
  | 'SCMP_ACT_KILL'
  | 'SCMP_ACT_KILL_PROCESS'
  | 'SCMP_ACT_KILL_THREAD'
  | 'SCMP_ACT_TRAP'
  | 'SCMP_ACT_ERRNO'
  | 'SCMP_ACT_TRACE'
  | 'SCMP_ACT_ALLOW'
  | 'SCMP_ACT_LOG'
  | 'SCMP_ACT_NOTIFY'

export type OciSeccompOperator =
  | 'SCMP_CMP_NE'
  | 'SCMP_CMP_LT'
  | 'SCMP_CMP_LE'
  | 'SCMP_CMP_EQ'
  | 'SCMP_CMP_GE'
  | 'SCMP_CMP_GT'
  | 'SCMP_CMP_MASKED_EQ'

export interface OciSeccomp {
  readonly defaultAction: OciSeccompAction
  readonly defaultErrnoRet?: number
  readonly architectures?: readonly string[]
  readonly flags?: readonly string[]
  readonly listenerPath?: string
  readonly listenerMetadata?: string
  readonly syscalls?: readonly OciSeccompRule[]
}

export interface OciSeccompRule {
  readonly names: readonly string[]
  readonly action: OciSeccompAction
  readonly errnoRet?: number
  readonly args?: readonly {
    readonly index: number
    /** Unsigned 64 bit; a bigint where a JavaScript number cannot hold it. */
    readonly value: number | bigint
    readonly valueTwo?: number | bigint
    readonly op: OciSeccompOperator
  }[]
}
