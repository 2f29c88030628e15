// SPDX-License-Identifier: Apache-2.0
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { type CallOptions, type ChannelCredentials, Client, type ClientOptions, type ClientReadableStream, type ClientUnaryCall, type handleServerStreamingCall, type handleUnaryCall, type Metadata, type ServiceError, type UntypedServiceImplementation } from "@grpc/grpc-js";
export declare const protobufPackage = "runtime.v1";
export declare const protobufFileName = "runtime.v1.proto";
/** Transport of a port mapping. */
export declare const Protocol: {
    readonly TCP: 0;
    readonly UDP: 1;
    readonly SCTP: 2;
};
export type Protocol = typeof Protocol[keyof typeof Protocol];
export declare namespace Protocol {
    type TCP = typeof Protocol.TCP;
    type UDP = typeof Protocol.UDP;
    type SCTP = typeof Protocol.SCTP;
}
/** Whether mounts made later below a mount pass between node and container. */
export declare const MountPropagation: {
    /** PROPAGATION_PRIVATE - Neither way. */
    readonly PROPAGATION_PRIVATE: 0;
    /** PROPAGATION_HOST_TO_CONTAINER - From the node to the container (rslave). */
    readonly PROPAGATION_HOST_TO_CONTAINER: 1;
    /** PROPAGATION_BIDIRECTIONAL - Both ways (rshared). */
    readonly PROPAGATION_BIDIRECTIONAL: 2;
};
export type MountPropagation = typeof MountPropagation[keyof typeof MountPropagation];
export declare namespace MountPropagation {
    type PROPAGATION_PRIVATE = typeof MountPropagation.PROPAGATION_PRIVATE;
    type PROPAGATION_HOST_TO_CONTAINER = typeof MountPropagation.PROPAGATION_HOST_TO_CONTAINER;
    type PROPAGATION_BIDIRECTIONAL = typeof MountPropagation.PROPAGATION_BIDIRECTIONAL;
}
/** Whose namespace is used. */
export declare const NamespaceMode: {
    /** POD - That of the pod. */
    readonly POD: 0;
    /** CONTAINER - One of its own; only for PID. */
    readonly CONTAINER: 1;
    /** NODE - That of the node. */
    readonly NODE: 2;
    /** TARGET - That of the container named by target_id; only for PID. */
    readonly TARGET: 3;
};
export type NamespaceMode = typeof NamespaceMode[keyof typeof NamespaceMode];
export declare namespace NamespaceMode {
    type POD = typeof NamespaceMode.POD;
    type CONTAINER = typeof NamespaceMode.CONTAINER;
    type NODE = typeof NamespaceMode.NODE;
    type TARGET = typeof NamespaceMode.TARGET;
}
/** Where the supplemental groups of a process come from. */
export declare const SupplementalGroupsPolicy: {
    /** Merge - Those listed and those that the image's /etc/group gives the user. */
    readonly Merge: 0;
    /** Strict - Only those listed. */
    readonly Strict: 1;
};
export type SupplementalGroupsPolicy = typeof SupplementalGroupsPolicy[keyof typeof SupplementalGroupsPolicy];
export declare namespace SupplementalGroupsPolicy {
    type Merge = typeof SupplementalGroupsPolicy.Merge;
    type Strict = typeof SupplementalGroupsPolicy.Strict;
}
/** Where a pod is in its life. It never goes back. */
export declare const PodSandboxState: {
    /** SANDBOX_READY - Takes containers. */
    readonly SANDBOX_READY: 0;
    /** SANDBOX_NOTREADY - Stopped, or broken: takes no more containers. */
    readonly SANDBOX_NOTREADY: 1;
};
export type PodSandboxState = typeof PodSandboxState[keyof typeof PodSandboxState];
export declare namespace PodSandboxState {
    type SANDBOX_READY = typeof PodSandboxState.SANDBOX_READY;
    type SANDBOX_NOTREADY = typeof PodSandboxState.SANDBOX_NOTREADY;
}
/** A signal by its name; the numbers are not those of any kernel. */
export declare const Signal: {
    /** RUNTIME_DEFAULT - No wish: the image's signal, or SIGTERM. */
    readonly RUNTIME_DEFAULT: 0;
    readonly SIGABRT: 1;
    readonly SIGALRM: 2;
    readonly SIGBUS: 3;
    readonly SIGCHLD: 4;
    readonly SIGCLD: 5;
    readonly SIGCONT: 6;
    readonly SIGFPE: 7;
    readonly SIGHUP: 8;
    readonly SIGILL: 9;
    readonly SIGINT: 10;
    readonly SIGIO: 11;
    readonly SIGIOT: 12;
    readonly SIGKILL: 13;
    readonly SIGPIPE: 14;
    readonly SIGPOLL: 15;
    readonly SIGPROF: 16;
    readonly SIGPWR: 17;
    readonly SIGQUIT: 18;
    readonly SIGSEGV: 19;
    readonly SIGSTKFLT: 20;
    readonly SIGSTOP: 21;
    readonly SIGSYS: 22;
    readonly SIGTERM: 23;
    readonly SIGTRAP: 24;
    readonly SIGTSTP: 25;
    readonly SIGTTIN: 26;
    readonly SIGTTOU: 27;
    readonly SIGURG: 28;
    readonly SIGUSR1: 29;
    readonly SIGUSR2: 30;
    readonly SIGVTALRM: 31;
    readonly SIGWINCH: 32;
    readonly SIGXCPU: 33;
    readonly SIGXFSZ: 34;
    readonly SIGRTMIN: 35;
    readonly SIGRTMINPLUS1: 36;
    readonly SIGRTMINPLUS2: 37;
    readonly SIGRTMINPLUS3: 38;
    readonly SIGRTMINPLUS4: 39;
    readonly SIGRTMINPLUS5: 40;
    readonly SIGRTMINPLUS6: 41;
    readonly SIGRTMINPLUS7: 42;
    readonly SIGRTMINPLUS8: 43;
    readonly SIGRTMINPLUS9: 44;
    readonly SIGRTMINPLUS10: 45;
    readonly SIGRTMINPLUS11: 46;
    readonly SIGRTMINPLUS12: 47;
    readonly SIGRTMINPLUS13: 48;
    readonly SIGRTMINPLUS14: 49;
    readonly SIGRTMINPLUS15: 50;
    readonly SIGRTMAXMINUS14: 51;
    readonly SIGRTMAXMINUS13: 52;
    readonly SIGRTMAXMINUS12: 53;
    readonly SIGRTMAXMINUS11: 54;
    readonly SIGRTMAXMINUS10: 55;
    readonly SIGRTMAXMINUS9: 56;
    readonly SIGRTMAXMINUS8: 57;
    readonly SIGRTMAXMINUS7: 58;
    readonly SIGRTMAXMINUS6: 59;
    readonly SIGRTMAXMINUS5: 60;
    readonly SIGRTMAXMINUS4: 61;
    readonly SIGRTMAXMINUS3: 62;
    readonly SIGRTMAXMINUS2: 63;
    readonly SIGRTMAXMINUS1: 64;
    readonly SIGRTMAX: 65;
};
export type Signal = typeof Signal[keyof typeof Signal];
export declare namespace Signal {
    type RUNTIME_DEFAULT = typeof Signal.RUNTIME_DEFAULT;
    type SIGABRT = typeof Signal.SIGABRT;
    type SIGALRM = typeof Signal.SIGALRM;
    type SIGBUS = typeof Signal.SIGBUS;
    type SIGCHLD = typeof Signal.SIGCHLD;
    type SIGCLD = typeof Signal.SIGCLD;
    type SIGCONT = typeof Signal.SIGCONT;
    type SIGFPE = typeof Signal.SIGFPE;
    type SIGHUP = typeof Signal.SIGHUP;
    type SIGILL = typeof Signal.SIGILL;
    type SIGINT = typeof Signal.SIGINT;
    type SIGIO = typeof Signal.SIGIO;
    type SIGIOT = typeof Signal.SIGIOT;
    type SIGKILL = typeof Signal.SIGKILL;
    type SIGPIPE = typeof Signal.SIGPIPE;
    type SIGPOLL = typeof Signal.SIGPOLL;
    type SIGPROF = typeof Signal.SIGPROF;
    type SIGPWR = typeof Signal.SIGPWR;
    type SIGQUIT = typeof Signal.SIGQUIT;
    type SIGSEGV = typeof Signal.SIGSEGV;
    type SIGSTKFLT = typeof Signal.SIGSTKFLT;
    type SIGSTOP = typeof Signal.SIGSTOP;
    type SIGSYS = typeof Signal.SIGSYS;
    type SIGTERM = typeof Signal.SIGTERM;
    type SIGTRAP = typeof Signal.SIGTRAP;
    type SIGTSTP = typeof Signal.SIGTSTP;
    type SIGTTIN = typeof Signal.SIGTTIN;
    type SIGTTOU = typeof Signal.SIGTTOU;
    type SIGURG = typeof Signal.SIGURG;
    type SIGUSR1 = typeof Signal.SIGUSR1;
    type SIGUSR2 = typeof Signal.SIGUSR2;
    type SIGVTALRM = typeof Signal.SIGVTALRM;
    type SIGWINCH = typeof Signal.SIGWINCH;
    type SIGXCPU = typeof Signal.SIGXCPU;
    type SIGXFSZ = typeof Signal.SIGXFSZ;
    type SIGRTMIN = typeof Signal.SIGRTMIN;
    type SIGRTMINPLUS1 = typeof Signal.SIGRTMINPLUS1;
    type SIGRTMINPLUS2 = typeof Signal.SIGRTMINPLUS2;
    type SIGRTMINPLUS3 = typeof Signal.SIGRTMINPLUS3;
    type SIGRTMINPLUS4 = typeof Signal.SIGRTMINPLUS4;
    type SIGRTMINPLUS5 = typeof Signal.SIGRTMINPLUS5;
    type SIGRTMINPLUS6 = typeof Signal.SIGRTMINPLUS6;
    type SIGRTMINPLUS7 = typeof Signal.SIGRTMINPLUS7;
    type SIGRTMINPLUS8 = typeof Signal.SIGRTMINPLUS8;
    type SIGRTMINPLUS9 = typeof Signal.SIGRTMINPLUS9;
    type SIGRTMINPLUS10 = typeof Signal.SIGRTMINPLUS10;
    type SIGRTMINPLUS11 = typeof Signal.SIGRTMINPLUS11;
    type SIGRTMINPLUS12 = typeof Signal.SIGRTMINPLUS12;
    type SIGRTMINPLUS13 = typeof Signal.SIGRTMINPLUS13;
    type SIGRTMINPLUS14 = typeof Signal.SIGRTMINPLUS14;
    type SIGRTMINPLUS15 = typeof Signal.SIGRTMINPLUS15;
    type SIGRTMAXMINUS14 = typeof Signal.SIGRTMAXMINUS14;
    type SIGRTMAXMINUS13 = typeof Signal.SIGRTMAXMINUS13;
    type SIGRTMAXMINUS12 = typeof Signal.SIGRTMAXMINUS12;
    type SIGRTMAXMINUS11 = typeof Signal.SIGRTMAXMINUS11;
    type SIGRTMAXMINUS10 = typeof Signal.SIGRTMAXMINUS10;
    type SIGRTMAXMINUS9 = typeof Signal.SIGRTMAXMINUS9;
    type SIGRTMAXMINUS8 = typeof Signal.SIGRTMAXMINUS8;
    type SIGRTMAXMINUS7 = typeof Signal.SIGRTMAXMINUS7;
    type SIGRTMAXMINUS6 = typeof Signal.SIGRTMAXMINUS6;
    type SIGRTMAXMINUS5 = typeof Signal.SIGRTMAXMINUS5;
    type SIGRTMAXMINUS4 = typeof Signal.SIGRTMAXMINUS4;
    type SIGRTMAXMINUS3 = typeof Signal.SIGRTMAXMINUS3;
    type SIGRTMAXMINUS2 = typeof Signal.SIGRTMAXMINUS2;
    type SIGRTMAXMINUS1 = typeof Signal.SIGRTMAXMINUS1;
    type SIGRTMAX = typeof Signal.SIGRTMAX;
}
/** Where a container is in its life. */
export declare const ContainerState: {
    /** CONTAINER_CREATED - Prepared, never started. */
    readonly CONTAINER_CREATED: 0;
    readonly CONTAINER_RUNNING: 1;
    readonly CONTAINER_EXITED: 2;
    /** CONTAINER_UNKNOWN - Its state was lost. */
    readonly CONTAINER_UNKNOWN: 3;
};
export type ContainerState = typeof ContainerState[keyof typeof ContainerState];
export declare namespace ContainerState {
    type CONTAINER_CREATED = typeof ContainerState.CONTAINER_CREATED;
    type CONTAINER_RUNNING = typeof ContainerState.CONTAINER_RUNNING;
    type CONTAINER_EXITED = typeof ContainerState.CONTAINER_EXITED;
    type CONTAINER_UNKNOWN = typeof ContainerState.CONTAINER_UNKNOWN;
}
/** What happened to a pod or container. */
export declare const ContainerEventType: {
    readonly CONTAINER_CREATED_EVENT: 0;
    readonly CONTAINER_STARTED_EVENT: 1;
    readonly CONTAINER_STOPPED_EVENT: 2;
    readonly CONTAINER_DELETED_EVENT: 3;
};
export type ContainerEventType = typeof ContainerEventType[keyof typeof ContainerEventType];
export declare namespace ContainerEventType {
    type CONTAINER_CREATED_EVENT = typeof ContainerEventType.CONTAINER_CREATED_EVENT;
    type CONTAINER_STARTED_EVENT = typeof ContainerEventType.CONTAINER_STARTED_EVENT;
    type CONTAINER_STOPPED_EVENT = typeof ContainerEventType.CONTAINER_STOPPED_EVENT;
    type CONTAINER_DELETED_EVENT = typeof ContainerEventType.CONTAINER_DELETED_EVENT;
}
/** How the values of a metric move. */
export declare const MetricType: {
    readonly COUNTER: 0;
    readonly GAUGE: 1;
};
export type MetricType = typeof MetricType[keyof typeof MetricType];
export declare namespace MetricType {
    type COUNTER = typeof MetricType.COUNTER;
    type GAUGE = typeof MetricType.GAUGE;
}
/** Who owns the cgroup tree. */
export declare const CgroupDriver: {
    /** SYSTEMD - systemd: slices and scopes. */
    readonly SYSTEMD: 0;
    /** CGROUPFS - The runtime writes directories itself. */
    readonly CGROUPFS: 1;
};
export type CgroupDriver = typeof CgroupDriver[keyof typeof CgroupDriver];
export declare namespace CgroupDriver {
    type SYSTEMD = typeof CgroupDriver.SYSTEMD;
    type CGROUPFS = typeof CgroupDriver.CGROUPFS;
}
/** Argument of Version. */
export interface VersionRequest {
    /** API version the caller speaks. */
    version: string;
}
/** Answer of Version. */
export interface VersionResponse {
    /** Version of the API's shape, "0.1.0". */
    version: string;
    runtimeName: string;
    /** Version of the runtime; a semantic version. */
    runtimeVersion: string;
    /** Version of the API, "v1". */
    runtimeApiVersion: string;
}
/** What goes into a pod's resolv.conf. */
export interface DNSConfig {
    servers: string[];
    searches: string[];
    options: string[];
}
/** A port of the pod reachable under a port of the node. */
export interface PortMapping {
    protocol: Protocol;
    containerPort: number;
    /** 0: not reachable from outside. */
    hostPort: number;
    /** Empty: every address of the node. */
    hostIp: string;
}
/** Something of the node, or an image, made visible in a container. */
export interface Mount {
    /** Absolute. */
    containerPath: string;
    /** Absolute; symbolic links are followed. Empty for an image. */
    hostPath: string;
    readonly: boolean;
    /** Give the files the container's label. */
    selinuxRelabel: boolean;
    propagation: MountPropagation;
    /** Ids of the files as the container sees them. */
    uidMappings: IDMapping[];
    gidMappings: IDMapping[];
    /** Mounts below are read-only too. Needs readonly and PROPAGATION_PRIVATE. */
    recursiveReadOnly: boolean;
    /** Mount this image, which must be on the node, in place of host_path. */
    image?: ImageSpec | undefined;
    /** Directory inside the image; empty: its root. */
    imageSubPath: string;
}
/** A run of consecutive ids in a user namespace and what they are on the node. */
export interface IDMapping {
    hostId: number;
    containerId: number;
    length: number;
}
/** Whether a pod has its own user namespace, and its mappings. */
export interface UserNamespace {
    /** POD or NODE. */
    mode: NamespaceMode;
    /** Exactly one in POD mode, none in NODE mode. */
    uids: IDMapping[];
    gids: IDMapping[];
}
/** Whose namespaces a pod or container uses. */
export interface NamespaceOption {
    /** POD or NODE. UTS follows it. */
    network: NamespaceMode;
    pid: NamespaceMode;
    /** POD or NODE. */
    ipc: NamespaceMode;
    /** A running container of the same pod, in TARGET mode. */
    targetId: string;
    usernsOptions?: UserNamespace | undefined;
}
/** A number that can be absent. */
export interface Int64Value {
    value: bigint;
}
/** Security settings of a pod; they limit what its containers may ask for. */
export interface LinuxSandboxSecurityContext {
    namespaceOptions?: NamespaceOption | undefined;
    selinuxOptions?: SELinuxOption | undefined;
    runAsUser?: Int64Value | undefined;
    /** Only together with run_as_user. */
    runAsGroup?: Int64Value | undefined;
    readonlyRootfs: boolean;
    supplementalGroups: bigint[];
    supplementalGroupsPolicy: SupplementalGroupsPolicy;
    /** Containers of the pod may be privileged. */
    privileged: boolean;
    seccomp?: SecurityProfile | undefined;
    apparmor?: SecurityProfile | undefined;
    /**
     * Superseded by seccomp.
     *
     * @deprecated
     */
    seccompProfilePath: string;
}
/** A choice of seccomp or AppArmor profile. */
export interface SecurityProfile {
    profileType: SecurityProfile_ProfileType;
    /** A seccomp profile's absolute path, or an AppArmor profile's name. Only with Localhost. */
    localhostRef: string;
}
/** Which profile applies. */
export declare const SecurityProfile_ProfileType: {
    /** RuntimeDefault - The runtime's own profile. */
    readonly RuntimeDefault: 0;
    /** Unconfined - None. */
    readonly Unconfined: 1;
    /** Localhost - The one that localhost_ref names. */
    readonly Localhost: 2;
};
export type SecurityProfile_ProfileType = typeof SecurityProfile_ProfileType[keyof typeof SecurityProfile_ProfileType];
export declare namespace SecurityProfile_ProfileType {
    type RuntimeDefault = typeof SecurityProfile_ProfileType.RuntimeDefault;
    type Unconfined = typeof SecurityProfile_ProfileType.Unconfined;
    type Localhost = typeof SecurityProfile_ProfileType.Localhost;
}
/** The part of a pod's configuration that only Linux has. */
export interface LinuxPodSandboxConfig {
    /** Path of the pod's cgroup, made by the kubelet. */
    cgroupParent: string;
    securityContext?: LinuxSandboxSecurityContext | undefined;
    sysctls: {
        [key: string]: string;
    };
    /** What the pod costs beside its containers. */
    overhead?: LinuxContainerResources | undefined;
    /** Sum over the pod's containers. */
    resources?: LinuxContainerResources | undefined;
}
export interface LinuxPodSandboxConfig_SysctlsEntry {
    key: string;
    value: string;
}
/** What makes a pod unique. All four together are the key. */
export interface PodSandboxMetadata {
    name: string;
    uid: string;
    namespace: string;
    /** Counts the pods made for the same name and uid. */
    attempt: number;
}
/** All that is needed to make a pod. */
export interface PodSandboxConfig {
    metadata?: PodSandboxMetadata | undefined;
    /** Empty only on the host network. */
    hostname: string;
    /** Directory on the node below which containers' logs are. */
    logDirectory: string;
    /** Absent: as on the node. */
    dnsConfig?: DNSConfig | undefined;
    portMappings: PortMapping[];
    labels: {
        [key: string]: string;
    };
    annotations: {
        [key: string]: string;
    };
    linux?: LinuxPodSandboxConfig | undefined;
    windows?: WindowsPodSandboxConfig | undefined;
}
export interface PodSandboxConfig_LabelsEntry {
    key: string;
    value: string;
}
export interface PodSandboxConfig_AnnotationsEntry {
    key: string;
    value: string;
}
/** Argument of RunPodSandbox. */
export interface RunPodSandboxRequest {
    config?: PodSandboxConfig | undefined;
    /** Empty: the default handler. */
    runtimeHandler: string;
}
/** Answer of RunPodSandbox. */
export interface RunPodSandboxResponse {
    podSandboxId: string;
}
/** Argument of StopPodSandbox. */
export interface StopPodSandboxRequest {
    podSandboxId: string;
}
/** Answer of StopPodSandbox. */
export interface StopPodSandboxResponse {
}
/** Argument of RemovePodSandbox. */
export interface RemovePodSandboxRequest {
    podSandboxId: string;
}
/** Answer of RemovePodSandbox. */
export interface RemovePodSandboxResponse {
}
/** Argument of PodSandboxStatus. */
export interface PodSandboxStatusRequest {
    podSandboxId: string;
    verbose: boolean;
}
/** One address of a pod. */
export interface PodIP {
    ip: string;
}
/** Addresses of a pod; all empty on the host network. */
export interface PodSandboxNetworkStatus {
    ip: string;
    /** All but the first. */
    additionalIps: PodIP[];
}
/** Namespaces as configured. */
export interface Namespace {
    options?: NamespaceOption | undefined;
}
/** The part of a pod's status that only Linux has. */
export interface LinuxPodSandboxStatus {
    namespaces?: Namespace | undefined;
}
/** All that is known of a pod. */
export interface PodSandboxStatus {
    id: string;
    metadata?: PodSandboxMetadata | undefined;
    state: PodSandboxState;
    /** Nanoseconds since 1970; more than 0. */
    createdAt: bigint;
    network?: PodSandboxNetworkStatus | undefined;
    linux?: LinuxPodSandboxStatus | undefined;
    labels: {
        [key: string]: string;
    };
    annotations: {
        [key: string]: string;
    };
    runtimeHandler: string;
}
export interface PodSandboxStatus_LabelsEntry {
    key: string;
    value: string;
}
export interface PodSandboxStatus_AnnotationsEntry {
    key: string;
    value: string;
}
/** Answer of PodSandboxStatus. */
export interface PodSandboxStatusResponse {
    status?: PodSandboxStatus | undefined;
    /** Only when verbose: JSON texts for people and tools, of no fixed shape. */
    info: {
        [key: string]: string;
    };
    /** Filled only by runtimes that send events. */
    containersStatuses: ContainerStatus[];
    /** When this was so; nanoseconds. */
    timestamp: bigint;
}
export interface PodSandboxStatusResponse_InfoEntry {
    key: string;
    value: string;
}
/** A pod state that can be absent. */
export interface PodSandboxStateValue {
    state: PodSandboxState;
}
/** Conditions on pods; all that are given must hold. */
export interface PodSandboxFilter {
    id: string;
    state?: PodSandboxStateValue | undefined;
    /** Every label must be equal. */
    labelSelector: {
        [key: string]: string;
    };
}
export interface PodSandboxFilter_LabelSelectorEntry {
    key: string;
    value: string;
}
/** Argument of ListPodSandbox. */
export interface ListPodSandboxRequest {
    filter?: PodSandboxFilter | undefined;
}
/** A pod as lists show it. */
export interface PodSandbox {
    id: string;
    metadata?: PodSandboxMetadata | undefined;
    state: PodSandboxState;
    /** Nanoseconds since 1970; more than 0. */
    createdAt: bigint;
    labels: {
        [key: string]: string;
    };
    annotations: {
        [key: string]: string;
    };
    runtimeHandler: string;
}
export interface PodSandbox_LabelsEntry {
    key: string;
    value: string;
}
export interface PodSandbox_AnnotationsEntry {
    key: string;
    value: string;
}
/** Answer of ListPodSandbox. */
export interface ListPodSandboxResponse {
    items: PodSandbox[];
}
/** Argument of StreamPodSandboxes. */
export interface StreamPodSandboxesRequest {
    filter?: PodSandboxFilter | undefined;
}
/** One message of the answer of StreamPodSandboxes. */
export interface StreamPodSandboxesResponse {
    podSandboxes: PodSandbox[];
}
/** Argument of PodSandboxStats. */
export interface PodSandboxStatsRequest {
    podSandboxId: string;
}
/** Answer of PodSandboxStats. */
export interface PodSandboxStatsResponse {
    stats?: PodSandboxStats | undefined;
}
/** Conditions on pods whose figures are wanted; all that are given must hold. */
export interface PodSandboxStatsFilter {
    id: string;
    labelSelector: {
        [key: string]: string;
    };
}
export interface PodSandboxStatsFilter_LabelSelectorEntry {
    key: string;
    value: string;
}
/** Argument of ListPodSandboxStats. */
export interface ListPodSandboxStatsRequest {
    filter?: PodSandboxStatsFilter | undefined;
}
/** Answer of ListPodSandboxStats. */
export interface ListPodSandboxStatsResponse {
    stats: PodSandboxStats[];
}
/** Argument of StreamPodSandboxStats. */
export interface StreamPodSandboxStatsRequest {
    filter?: PodSandboxStatsFilter | undefined;
}
/** One message of the answer of StreamPodSandboxStats. */
export interface StreamPodSandboxStatsResponse {
    podSandboxStats: PodSandboxStats[];
}
/** Says whose figures these are. */
export interface PodSandboxAttributes {
    id: string;
    metadata?: PodSandboxMetadata | undefined;
    labels: {
        [key: string]: string;
    };
    annotations: {
        [key: string]: string;
    };
}
export interface PodSandboxAttributes_LabelsEntry {
    key: string;
    value: string;
}
export interface PodSandboxAttributes_AnnotationsEntry {
    key: string;
    value: string;
}
/** Figures of one pod. */
export interface PodSandboxStats {
    attributes?: PodSandboxAttributes | undefined;
    linux?: LinuxPodSandboxStats | undefined;
    windows?: WindowsPodSandboxStats | undefined;
}
/** A pod's use of resources, with that of its containers, on Linux. */
export interface LinuxPodSandboxStats {
    cpu?: CpuUsage | undefined;
    memory?: MemoryUsage | undefined;
    network?: NetworkUsage | undefined;
    process?: ProcessUsage | undefined;
    containers: ContainerStats[];
    io?: IoUsage | undefined;
}
/** A pod's use of resources, with that of its containers, on Windows. */
export interface WindowsPodSandboxStats {
    cpu?: WindowsCpuUsage | undefined;
    memory?: WindowsMemoryUsage | undefined;
    network?: WindowsNetworkUsage | undefined;
    process?: WindowsProcessUsage | undefined;
    containers: WindowsContainerStats[];
}
/** Traffic of a pod's interfaces. */
export interface NetworkUsage {
    /** When measured; nanoseconds since 1970, more than 0. */
    timestamp: bigint;
    defaultInterface?: NetworkInterfaceUsage | undefined;
    interfaces: NetworkInterfaceUsage[];
}
/** Traffic of a pod's interfaces on Windows. */
export interface WindowsNetworkUsage {
    /** When measured; nanoseconds since 1970, more than 0. */
    timestamp: bigint;
    defaultInterface?: WindowsNetworkInterfaceUsage | undefined;
    interfaces: WindowsNetworkInterfaceUsage[];
}
/** Traffic of one interface since it was made. */
export interface NetworkInterfaceUsage {
    name: string;
    rxBytes?: UInt64Value | undefined;
    rxErrors?: UInt64Value | undefined;
    txBytes?: UInt64Value | undefined;
    txErrors?: UInt64Value | undefined;
}
/** Traffic of one interface on Windows. */
export interface WindowsNetworkInterfaceUsage {
    name: string;
    rxBytes?: UInt64Value | undefined;
    rxPacketsDropped?: UInt64Value | undefined;
    txBytes?: UInt64Value | undefined;
    txPacketsDropped?: UInt64Value | undefined;
}
/** Number of processes. */
export interface ProcessUsage {
    /** When measured; nanoseconds since 1970, more than 0. */
    timestamp: bigint;
    processCount?: UInt64Value | undefined;
}
/** Number of processes on Windows. */
export interface WindowsProcessUsage {
    /** When measured; nanoseconds since 1970, more than 0. */
    timestamp: bigint;
    processCount?: UInt64Value | undefined;
}
/** An image as a caller names it. */
export interface ImageSpec {
    /** A reference or an id. */
    image: string;
    annotations: {
        [key: string]: string;
    };
    /** As the user wrote it; for information. */
    userSpecifiedImage: string;
    /** Handler the image is meant for. */
    runtimeHandler: string;
    /** Id as PullImage returned it. */
    imageRef: string;
}
export interface ImageSpec_AnnotationsEntry {
    key: string;
    value: string;
}
/** One environment variable. */
export interface KeyValue {
    key: string;
    /** Any bytes. */
    value: Buffer;
}
/** Limits of a cgroup. 0 and "" mean: not set, or leave as it is. */
export interface LinuxContainerResources {
    /** Microseconds. */
    cpuPeriod: bigint;
    /** Microseconds in each period. */
    cpuQuota: bigint;
    /** Weight among siblings; 1024 is one CPU. */
    cpuShares: bigint;
    memoryLimitInBytes: bigint;
    /** 0 is a value here, not "unset". */
    oomScoreAdj: bigint;
    /** List such as "0-3,8". */
    cpusetCpus: string;
    /** List of NUMA nodes. */
    cpusetMems: string;
    hugepageLimits: HugepageLimit[];
    /** Files of cgroup v2 and what to write to them. */
    unified: {
        [key: string]: string;
    };
    /** Memory and swap together. */
    memorySwapLimitInBytes: bigint;
}
export interface LinuxContainerResources_UnifiedEntry {
    key: string;
    value: string;
}
/** Limit on huge pages of one size. */
export interface HugepageLimit {
    /** Such as "2MB". */
    pageSize: string;
    /** Bytes. */
    limit: bigint;
}
/** The parts of an SELinux label. */
export interface SELinuxOption {
    user: string;
    role: string;
    type: string;
    level: string;
}
/** Changes to the default capabilities. Names come without CAP_; "ALL" stands for all of them. */
export interface Capability {
    addCapabilities: string[];
    dropCapabilities: string[];
    /** Also kept across an exec by a user other than root. */
    addAmbientCapabilities: string[];
}
/** Security settings of a container. */
export interface LinuxContainerSecurityContext {
    capabilities?: Capability | undefined;
    /** All capabilities and devices, no confinement. The pod must be privileged too. */
    privileged: boolean;
    namespaceOptions?: NamespaceOption | undefined;
    selinuxOptions?: SELinuxOption | undefined;
    runAsUser?: Int64Value | undefined;
    /** Only together with run_as_user or run_as_username. */
    runAsGroup?: Int64Value | undefined;
    /** Excludes run_as_user; must be in the image's /etc/passwd. */
    runAsUsername: string;
    readonlyRootfs: boolean;
    supplementalGroups: bigint[];
    supplementalGroupsPolicy: SupplementalGroupsPolicy;
    noNewPrivs: boolean;
    /** Hidden from the container. */
    maskedPaths: string[];
    readonlyPaths: string[];
    seccomp?: SecurityProfile | undefined;
    apparmor?: SecurityProfile | undefined;
    /**
     * Superseded by apparmor.
     *
     * @deprecated
     */
    apparmorProfile: string;
    /**
     * Superseded by seccomp.
     *
     * @deprecated
     */
    seccompProfilePath: string;
}
/** The part of a container's configuration that only Linux has. */
export interface LinuxContainerConfig {
    resources?: LinuxContainerResources | undefined;
    securityContext?: LinuxContainerSecurityContext | undefined;
}
/** The ids that a container's first process really has. */
export interface LinuxContainerUser {
    uid: bigint;
    gid: bigint;
    supplementalGroups: bigint[];
}
/** Whose network a pod uses on Windows. */
export interface WindowsNamespaceOption {
    network: NamespaceMode;
}
/** Security settings of a pod on Windows. */
export interface WindowsSandboxSecurityContext {
    runAsUsername: string;
    credentialSpec: string;
    hostProcess: boolean;
    namespaceOptions?: WindowsNamespaceOption | undefined;
}
/** The part of a pod's configuration that only Windows has. */
export interface WindowsPodSandboxConfig {
    securityContext?: WindowsSandboxSecurityContext | undefined;
}
/** Security settings of a container on Windows. */
export interface WindowsContainerSecurityContext {
    runAsUsername: string;
    credentialSpec: string;
    hostProcess: boolean;
}
/** The part of a container's configuration that only Windows has. */
export interface WindowsContainerConfig {
    resources?: WindowsContainerResources | undefined;
    securityContext?: WindowsContainerSecurityContext | undefined;
}
/** Limits of a container on Windows. */
export interface WindowsContainerResources {
    cpuShares: bigint;
    cpuCount: bigint;
    cpuMaximum: bigint;
    memoryLimitInBytes: bigint;
    rootfsSizeInBytes: bigint;
    affinityCpus: WindowsCpuGroupAffinity[];
}
/** Processors of one group on Windows. */
export interface WindowsCpuGroupAffinity {
    cpuMask: bigint;
    cpuGroup: number;
}
/** What makes a container unique in its pod. */
export interface ContainerMetadata {
    name: string;
    attempt: number;
}
/** A device of the node that a container may use. */
export interface Device {
    containerPath: string;
    hostPath: string;
    /** Some of r, w, m. */
    permissions: string;
}
/** A device by its CDI name. */
export interface CDIDevice {
    /** vendor/class=name. */
    name: string;
}
/** All that is needed to make a container. */
export interface ContainerConfig {
    metadata?: ContainerMetadata | undefined;
    image?: ImageSpec | undefined;
    /** Replaces the image's entry point. */
    command: string[];
    /** Replaces the image's command. */
    args: string[];
    /** Empty: the image's. */
    workingDir: string;
    envs: KeyValue[];
    mounts: Mount[];
    devices: Device[];
    labels: {
        [key: string]: string;
    };
    annotations: {
        [key: string]: string;
    };
    /** Relative to the pod's log_directory. */
    logPath: string;
    stdin: boolean;
    /** Close standard input when the first attached client leaves. */
    stdinOnce: boolean;
    tty: boolean;
    linux?: LinuxContainerConfig | undefined;
    windows?: WindowsContainerConfig | undefined;
    CDIDevices: CDIDevice[];
    /** Wins over the image's. */
    stopSignal: Signal;
}
export interface ContainerConfig_LabelsEntry {
    key: string;
    value: string;
}
export interface ContainerConfig_AnnotationsEntry {
    key: string;
    value: string;
}
/** Argument of CreateContainer. */
export interface CreateContainerRequest {
    podSandboxId: string;
    config?: ContainerConfig | undefined;
    /** As it was given to RunPodSandbox. */
    sandboxConfig?: PodSandboxConfig | undefined;
}
/** Answer of CreateContainer. */
export interface CreateContainerResponse {
    containerId: string;
}
/** Argument of StartContainer. */
export interface StartContainerRequest {
    containerId: string;
}
/** Answer of StartContainer. */
export interface StartContainerResponse {
}
/** Argument of StopContainer. */
export interface StopContainerRequest {
    containerId: string;
    /** Grace in seconds; 0: SIGKILL at once. */
    timeout: bigint;
}
/** Answer of StopContainer. */
export interface StopContainerResponse {
}
/** Argument of RemoveContainer. */
export interface RemoveContainerRequest {
    containerId: string;
}
/** Answer of RemoveContainer. */
export interface RemoveContainerResponse {
}
/** A container state that can be absent. */
export interface ContainerStateValue {
    state: ContainerState;
}
/** Conditions on containers; all that are given must hold. */
export interface ContainerFilter {
    id: string;
    state?: ContainerStateValue | undefined;
    podSandboxId: string;
    /** Every label must be equal. */
    labelSelector: {
        [key: string]: string;
    };
}
export interface ContainerFilter_LabelSelectorEntry {
    key: string;
    value: string;
}
/** Argument of ListContainers. */
export interface ListContainersRequest {
    filter?: ContainerFilter | undefined;
}
/** A container as lists show it. */
export interface Container {
    id: string;
    podSandboxId: string;
    metadata?: ContainerMetadata | undefined;
    image?: ImageSpec | undefined;
    /** Digest or id of the image in use. */
    imageRef: string;
    state: ContainerState;
    /** Nanoseconds since 1970; more than 0. */
    createdAt: bigint;
    labels: {
        [key: string]: string;
    };
    annotations: {
        [key: string]: string;
    };
    /** Id as PullImage returned it. */
    imageId: string;
}
export interface Container_LabelsEntry {
    key: string;
    value: string;
}
export interface Container_AnnotationsEntry {
    key: string;
    value: string;
}
/** Answer of ListContainers. */
export interface ListContainersResponse {
    containers: Container[];
}
/** Argument of StreamContainers. */
export interface StreamContainersRequest {
    filter?: ContainerFilter | undefined;
}
/** One message of the answer of StreamContainers. */
export interface StreamContainersResponse {
    containers: Container[];
}
/** Argument of ContainerStatus. */
export interface ContainerStatusRequest {
    containerId: string;
    verbose: boolean;
}
/** All that is known of a container. */
export interface ContainerStatus {
    id: string;
    metadata?: ContainerMetadata | undefined;
    state: ContainerState;
    /** Nanoseconds since 1970; more than 0. */
    createdAt: bigint;
    /** 0 until started. */
    startedAt: bigint;
    /** 0 until ended. */
    finishedAt: bigint;
    /** 128 + signal where a signal ended it. */
    exitCode: number;
    image?: ImageSpec | undefined;
    imageRef: string;
    /** One word: Completed, Error, OOMKilled, ... */
    reason: string;
    message: string;
    labels: {
        [key: string]: string;
    };
    annotations: {
        [key: string]: string;
    };
    mounts: Mount[];
    logPath: string;
    resources?: ContainerResources | undefined;
    /** Id as PullImage returned it. */
    imageId: string;
    user?: ContainerUser | undefined;
    stopSignal: Signal;
}
export interface ContainerStatus_LabelsEntry {
    key: string;
    value: string;
}
export interface ContainerStatus_AnnotationsEntry {
    key: string;
    value: string;
}
/** Answer of ContainerStatus. */
export interface ContainerStatusResponse {
    status?: ContainerStatus | undefined;
    /** Only when verbose: JSON texts for people and tools, of no fixed shape. */
    info: {
        [key: string]: string;
    };
}
export interface ContainerStatusResponse_InfoEntry {
    key: string;
    value: string;
}
/** Limits in force, by platform. */
export interface ContainerResources {
    linux?: LinuxContainerResources | undefined;
    windows?: WindowsContainerResources | undefined;
}
/** Who a container runs as, by platform. */
export interface ContainerUser {
    linux?: LinuxContainerUser | undefined;
}
/** Argument of UpdateContainerResources. */
export interface UpdateContainerResourcesRequest {
    containerId: string;
    linux?: LinuxContainerResources | undefined;
    windows?: WindowsContainerResources | undefined;
    annotations: {
        [key: string]: string;
    };
}
export interface UpdateContainerResourcesRequest_AnnotationsEntry {
    key: string;
    value: string;
}
/** Answer of UpdateContainerResources. */
export interface UpdateContainerResourcesResponse {
}
/** Argument of ExecSync. */
export interface ExecSyncRequest {
    containerId: string;
    cmd: string[];
    /** Seconds; 0: none. */
    timeout: bigint;
}
/** Answer of ExecSync. */
export interface ExecSyncResponse {
    /** At most 16 MiB; the rest is discarded. */
    stdout: Buffer;
    /** At most 16 MiB; the rest is discarded. */
    stderr: Buffer;
    exitCode: number;
}
/** Argument of Exec. */
export interface ExecRequest {
    containerId: string;
    cmd: string[];
    tty: boolean;
    stdin: boolean;
    stdout: boolean;
    /** Must be false with tty. */
    stderr: boolean;
}
/** Answer of Exec. */
export interface ExecResponse {
    url: string;
}
/** Argument of Attach. */
export interface AttachRequest {
    containerId: string;
    stdin: boolean;
    /** Must be as the container was created. */
    tty: boolean;
    stdout: boolean;
    /** Must be false with tty. */
    stderr: boolean;
}
/** Answer of Attach. */
export interface AttachResponse {
    url: string;
}
/** Argument of PortForward. */
export interface PortForwardRequest {
    podSandboxId: string;
    port: number[];
}
/** Answer of PortForward. */
export interface PortForwardResponse {
    url: string;
}
/** Condition on images. */
export interface ImageFilter {
    image?: ImageSpec | undefined;
}
/** Argument of ListImages. */
export interface ListImagesRequest {
    filter?: ImageFilter | undefined;
}
/** An image on the node. */
export interface Image {
    /** What PullImage returns. */
    id: string;
    repoTags: string[];
    repoDigests: string[];
    /** Bytes; more than 0. */
    size: bigint;
    /** The image's user where it is a number. */
    uid?: Int64Value | undefined;
    /** The image's user where it is a name. */
    username: string;
    spec?: ImageSpec | undefined;
    /** Asks the kubelet not to collect it. */
    pinned: boolean;
}
/** Answer of ListImages. */
export interface ListImagesResponse {
    images: Image[];
}
/** Argument of StreamImages. */
export interface StreamImagesRequest {
    filter?: ImageFilter | undefined;
}
/** One message of the answer of StreamImages. */
export interface StreamImagesResponse {
    images: Image[];
}
/** Argument of ImageStatus. */
export interface ImageStatusRequest {
    image?: ImageSpec | undefined;
    verbose: boolean;
}
/** Answer of ImageStatus. */
export interface ImageStatusResponse {
    image?: Image | undefined;
    /** Only when verbose: JSON texts for people and tools, of no fixed shape. */
    info: {
        [key: string]: string;
    };
}
export interface ImageStatusResponse_InfoEntry {
    key: string;
    value: string;
}
/** Credentials for a registry. Never to be logged. */
export interface AuthConfig {
    username: string;
    password: string;
    /** base64 of "username:password". */
    auth: string;
    serverAddress: string;
    /** Exchanged for a token of the registry. */
    identityToken: string;
    /** Sent to the registry as it is. */
    registryToken: string;
}
/** Argument of PullImage. */
export interface PullImageRequest {
    image?: ImageSpec | undefined;
    auth?: AuthConfig | undefined;
    sandboxConfig?: PodSandboxConfig | undefined;
}
/** Answer of PullImage. */
export interface PullImageResponse {
    /** The image's id. */
    imageRef: string;
}
/** Argument of RemoveImage. */
export interface RemoveImageRequest {
    image?: ImageSpec | undefined;
}
/** Answer of RemoveImage. */
export interface RemoveImageResponse {
}
/** Network settings of the node. */
export interface NetworkConfig {
    /** One range, or one of each family with a comma between. */
    podCidr: string;
}
/** Settings that the kubelet hands to the runtime. */
export interface RuntimeConfig {
    networkConfig?: NetworkConfig | undefined;
}
/** Argument of UpdateRuntimeConfig. */
export interface UpdateRuntimeConfigRequest {
    runtimeConfig?: RuntimeConfig | undefined;
}
/** Answer of UpdateRuntimeConfig. */
export interface UpdateRuntimeConfigResponse {
}
/** One thing that must be well for the runtime to work. */
export interface RuntimeCondition {
    type: string;
    status: boolean;
    /** One word. */
    reason: string;
    message: string;
}
/** The state of the runtime as conditions; RuntimeReady and NetworkReady are always among them. */
export interface RuntimeStatus {
    conditions: RuntimeCondition[];
}
/** Argument of Status. */
export interface StatusRequest {
    verbose: boolean;
}
/** What one handler can do. */
export interface RuntimeHandlerFeatures {
    recursiveReadOnlyMounts: boolean;
    /** Pods may have user namespaces with id-mapped mounts. */
    userNamespaces: boolean;
}
/** One handler; the default one has the name "". */
export interface RuntimeHandler {
    name: string;
    features?: RuntimeHandlerFeatures | undefined;
}
/** What the runtime can do whatever the handler. */
export interface RuntimeFeatures {
    /** supplemental_groups_policy is obeyed and ContainerStatus.user filled. */
    supplementalGroupsPolicy: boolean;
    /** A user namespace goes together with the host network. */
    userNamespacesHostNetwork: boolean;
}
/** Answer of Status. */
export interface StatusResponse {
    status?: RuntimeStatus | undefined;
    /** Only when verbose: JSON texts for people and tools, of no fixed shape. */
    info: {
        [key: string]: string;
    };
    runtimeHandlers: RuntimeHandler[];
    features?: RuntimeFeatures | undefined;
}
export interface StatusResponse_InfoEntry {
    key: string;
    value: string;
}
/** Argument of ImageFsInfo. */
export interface ImageFsInfoRequest {
}
/** An unsigned number that can be absent. */
export interface UInt64Value {
    value: bigint;
}
/** Names a filesystem. */
export interface FilesystemIdentifier {
    mountpoint: string;
}
/** Space and inodes in use below a directory. */
export interface FilesystemUsage {
    /** When measured; nanoseconds since 1970, more than 0. */
    timestamp: bigint;
    fsId?: FilesystemIdentifier | undefined;
    usedBytes?: UInt64Value | undefined;
    inodesUsed?: UInt64Value | undefined;
}
/** Space in use below a directory on Windows. */
export interface WindowsFilesystemUsage {
    /** When measured; nanoseconds since 1970, more than 0. */
    timestamp: bigint;
    fsId?: FilesystemIdentifier | undefined;
    usedBytes?: UInt64Value | undefined;
}
/** Answer of ImageFsInfo. */
export interface ImageFsInfoResponse {
    imageFilesystems: FilesystemUsage[];
    /** Filled where containers are kept apart from images. */
    containerFilesystems: FilesystemUsage[];
}
/** Argument of ContainerStats. */
export interface ContainerStatsRequest {
    containerId: string;
}
/** Answer of ContainerStats. */
export interface ContainerStatsResponse {
    stats?: ContainerStats | undefined;
}
/** Argument of ListContainerStats. */
export interface ListContainerStatsRequest {
    filter?: ContainerStatsFilter | undefined;
}
/** Conditions on containers whose figures are wanted; all that are given must hold. */
export interface ContainerStatsFilter {
    id: string;
    podSandboxId: string;
    labelSelector: {
        [key: string]: string;
    };
}
export interface ContainerStatsFilter_LabelSelectorEntry {
    key: string;
    value: string;
}
/** Answer of ListContainerStats. */
export interface ListContainerStatsResponse {
    stats: ContainerStats[];
}
/** Argument of StreamContainerStats. */
export interface StreamContainerStatsRequest {
    filter?: ContainerStatsFilter | undefined;
}
/** One message of the answer of StreamContainerStats. */
export interface StreamContainerStatsResponse {
    containerStats: ContainerStats[];
}
/** Says whose figures these are. */
export interface ContainerAttributes {
    id: string;
    metadata?: ContainerMetadata | undefined;
    labels: {
        [key: string]: string;
    };
    annotations: {
        [key: string]: string;
    };
}
export interface ContainerAttributes_LabelsEntry {
    key: string;
    value: string;
}
export interface ContainerAttributes_AnnotationsEntry {
    key: string;
    value: string;
}
/** Figures of one container on Linux. */
export interface ContainerStats {
    attributes?: ContainerAttributes | undefined;
    cpu?: CpuUsage | undefined;
    memory?: MemoryUsage | undefined;
    writableLayer?: FilesystemUsage | undefined;
    swap?: SwapUsage | undefined;
    io?: IoUsage | undefined;
}
/** Figures of one container on Windows. */
export interface WindowsContainerStats {
    attributes?: ContainerAttributes | undefined;
    cpu?: WindowsCpuUsage | undefined;
    memory?: WindowsMemoryUsage | undefined;
    writableLayer?: WindowsFilesystemUsage | undefined;
}
/** Pressure: the share of time lost waiting for a resource. */
export interface PsiStats {
    /** All tasks were waiting. */
    Full?: PsiData | undefined;
    /** At least one task was waiting. */
    Some?: PsiData | undefined;
}
/** One line of a pressure file. */
export interface PsiData {
    /** Nanoseconds. */
    Total: bigint;
    /** Percent over the last 10 seconds. */
    Avg10: number;
    /** Percent over the last minute. */
    Avg60: number;
    /** Percent over the last five minutes. */
    Avg300: number;
}
/** Use of the processors. */
export interface CpuUsage {
    /** When measured; nanoseconds since 1970, more than 0. */
    timestamp: bigint;
    /** Since the start, over all cores. */
    usageCoreNanoSeconds?: UInt64Value | undefined;
    /** Nanoseconds of CPU in a second, over a recent interval. */
    usageNanoCores?: UInt64Value | undefined;
    psi?: PsiStats | undefined;
}
/** Use of the processors on Windows. */
export interface WindowsCpuUsage {
    /** When measured; nanoseconds since 1970, more than 0. */
    timestamp: bigint;
    usageCoreNanoSeconds?: UInt64Value | undefined;
    usageNanoCores?: UInt64Value | undefined;
}
/** Use of memory. */
export interface MemoryUsage {
    /** When measured; nanoseconds since 1970, more than 0. */
    timestamp: bigint;
    /** What cannot be dropped: usage less inactive file pages. */
    workingSetBytes?: UInt64Value | undefined;
    /** Limit less working set; 0 without a limit. */
    availableBytes?: UInt64Value | undefined;
    usageBytes?: UInt64Value | undefined;
    /** Anonymous memory. */
    rssBytes?: UInt64Value | undefined;
    pageFaults?: UInt64Value | undefined;
    majorPageFaults?: UInt64Value | undefined;
    psi?: PsiStats | undefined;
}
/** Pressure on input and output. */
export interface IoUsage {
    /** When measured; nanoseconds since 1970, more than 0. */
    timestamp: bigint;
    psi?: PsiStats | undefined;
}
/** Use of swap. */
export interface SwapUsage {
    /** When measured; nanoseconds since 1970, more than 0. */
    timestamp: bigint;
    swapAvailableBytes?: UInt64Value | undefined;
    swapUsageBytes?: UInt64Value | undefined;
}
/** Use of memory on Windows. */
export interface WindowsMemoryUsage {
    /** When measured; nanoseconds since 1970, more than 0. */
    timestamp: bigint;
    workingSetBytes?: UInt64Value | undefined;
    availableBytes?: UInt64Value | undefined;
    pageFaults?: UInt64Value | undefined;
    commitMemoryBytes?: UInt64Value | undefined;
}
/** Argument of ReopenContainerLog. */
export interface ReopenContainerLogRequest {
    containerId: string;
}
/** Answer of ReopenContainerLog. */
export interface ReopenContainerLogResponse {
}
/** Argument of CheckpointContainer. */
export interface CheckpointContainerRequest {
    containerId: string;
    /** Path of the archive on the node. */
    location: string;
    /** Seconds; 0: the runtime decides. */
    timeout: bigint;
}
/** Answer of CheckpointContainer. */
export interface CheckpointContainerResponse {
}
/** Argument of GetContainerEvents. */
export interface GetEventsRequest {
}
/** One change of state, with the pod and its containers as they were then. */
export interface ContainerEventResponse {
    /** The pod's id where the pod itself changed. */
    containerId: string;
    containerEventType: ContainerEventType;
    /** Nanoseconds since 1970; more than 0. */
    createdAt: bigint;
    podSandboxStatus?: PodSandboxStatus | undefined;
    containersStatuses: ContainerStatus[];
}
/** Argument of ListMetricDescriptors. */
export interface ListMetricDescriptorsRequest {
}
/** Answer of ListMetricDescriptors. */
export interface ListMetricDescriptorsResponse {
    descriptors: MetricDescriptor[];
}
/** Declares a metric. */
export interface MetricDescriptor {
    name: string;
    help: string;
    /** Names of the labels, in the order of Metric.label_values. */
    labelKeys: string[];
}
/** Argument of ListPodSandboxMetrics. */
export interface ListPodSandboxMetricsRequest {
}
/** Answer of ListPodSandboxMetrics. */
export interface ListPodSandboxMetricsResponse {
    podMetrics: PodSandboxMetrics[];
}
/** Argument of StreamPodSandboxMetrics. */
export interface StreamPodSandboxMetricsRequest {
}
/** One message of the answer of StreamPodSandboxMetrics. */
export interface StreamPodSandboxMetricsResponse {
    podSandboxMetrics: PodSandboxMetrics[];
}
/** Metrics of one pod and its containers. */
export interface PodSandboxMetrics {
    podSandboxId: string;
    metrics: Metric[];
    containerMetrics: ContainerMetrics[];
}
/** Metrics of one container. */
export interface ContainerMetrics {
    containerId: string;
    metrics: Metric[];
}
/** One sample. */
export interface Metric {
    name: string;
    /** 0: read just now. */
    timestamp: bigint;
    metricType: MetricType;
    /** In the order of MetricDescriptor.label_keys. */
    labelValues: string[];
    value?: UInt64Value | undefined;
}
/** Argument of RuntimeConfig. */
export interface RuntimeConfigRequest {
}
/** Answer of RuntimeConfig. */
export interface RuntimeConfigResponse {
    linux?: LinuxRuntimeConfiguration | undefined;
}
/** Settings of the runtime that only Linux has. */
export interface LinuxRuntimeConfiguration {
    cgroupDriver: CgroupDriver;
}
/** Argument of UpdatePodSandboxResources. */
export interface UpdatePodSandboxResourcesRequest {
    podSandboxId: string;
    overhead?: LinuxContainerResources | undefined;
    resources?: LinuxContainerResources | undefined;
}
/** Answer of UpdatePodSandboxResources. */
export interface UpdatePodSandboxResourcesResponse {
}
export declare const VersionRequest: MessageFns<VersionRequest>;
export declare const VersionResponse: MessageFns<VersionResponse>;
export declare const DNSConfig: MessageFns<DNSConfig>;
export declare const PortMapping: MessageFns<PortMapping>;
export declare const Mount: MessageFns<Mount>;
export declare const IDMapping: MessageFns<IDMapping>;
export declare const UserNamespace: MessageFns<UserNamespace>;
export declare const NamespaceOption: MessageFns<NamespaceOption>;
export declare const Int64Value: MessageFns<Int64Value>;
export declare const LinuxSandboxSecurityContext: MessageFns<LinuxSandboxSecurityContext>;
export declare const SecurityProfile: MessageFns<SecurityProfile>;
export declare const LinuxPodSandboxConfig: MessageFns<LinuxPodSandboxConfig>;
export declare const LinuxPodSandboxConfig_SysctlsEntry: MessageFns<LinuxPodSandboxConfig_SysctlsEntry>;
export declare const PodSandboxMetadata: MessageFns<PodSandboxMetadata>;
export declare const PodSandboxConfig: MessageFns<PodSandboxConfig>;
export declare const PodSandboxConfig_LabelsEntry: MessageFns<PodSandboxConfig_LabelsEntry>;
export declare const PodSandboxConfig_AnnotationsEntry: MessageFns<PodSandboxConfig_AnnotationsEntry>;
export declare const RunPodSandboxRequest: MessageFns<RunPodSandboxRequest>;
export declare const RunPodSandboxResponse: MessageFns<RunPodSandboxResponse>;
export declare const StopPodSandboxRequest: MessageFns<StopPodSandboxRequest>;
export declare const StopPodSandboxResponse: MessageFns<StopPodSandboxResponse>;
export declare const RemovePodSandboxRequest: MessageFns<RemovePodSandboxRequest>;
export declare const RemovePodSandboxResponse: MessageFns<RemovePodSandboxResponse>;
export declare const PodSandboxStatusRequest: MessageFns<PodSandboxStatusRequest>;
export declare const PodIP: MessageFns<PodIP>;
export declare const PodSandboxNetworkStatus: MessageFns<PodSandboxNetworkStatus>;
export declare const Namespace: MessageFns<Namespace>;
export declare const LinuxPodSandboxStatus: MessageFns<LinuxPodSandboxStatus>;
export declare const PodSandboxStatus: MessageFns<PodSandboxStatus>;
export declare const PodSandboxStatus_LabelsEntry: MessageFns<PodSandboxStatus_LabelsEntry>;
export declare const PodSandboxStatus_AnnotationsEntry: MessageFns<PodSandboxStatus_AnnotationsEntry>;
export declare const PodSandboxStatusResponse: MessageFns<PodSandboxStatusResponse>;
export declare const PodSandboxStatusResponse_InfoEntry: MessageFns<PodSandboxStatusResponse_InfoEntry>;
export declare const PodSandboxStateValue: MessageFns<PodSandboxStateValue>;
export declare const PodSandboxFilter: MessageFns<PodSandboxFilter>;
export declare const PodSandboxFilter_LabelSelectorEntry: MessageFns<PodSandboxFilter_LabelSelectorEntry>;
export declare const ListPodSandboxRequest: MessageFns<ListPodSandboxRequest>;
export declare const PodSandbox: MessageFns<PodSandbox>;
export declare const PodSandbox_LabelsEntry: MessageFns<PodSandbox_LabelsEntry>;
export declare const PodSandbox_AnnotationsEntry: MessageFns<PodSandbox_AnnotationsEntry>;
export declare const ListPodSandboxResponse: MessageFns<ListPodSandboxResponse>;
export declare const StreamPodSandboxesRequest: MessageFns<StreamPodSandboxesRequest>;
export declare const StreamPodSandboxesResponse: MessageFns<StreamPodSandboxesResponse>;
export declare const PodSandboxStatsRequest: MessageFns<PodSandboxStatsRequest>;
export declare const PodSandboxStatsResponse: MessageFns<PodSandboxStatsResponse>;
export declare const PodSandboxStatsFilter: MessageFns<PodSandboxStatsFilter>;
export declare const PodSandboxStatsFilter_LabelSelectorEntry: MessageFns<PodSandboxStatsFilter_LabelSelectorEntry>;
export declare const ListPodSandboxStatsRequest: MessageFns<ListPodSandboxStatsRequest>;
export declare const ListPodSandboxStatsResponse: MessageFns<ListPodSandboxStatsResponse>;
export declare const StreamPodSandboxStatsRequest: MessageFns<StreamPodSandboxStatsRequest>;
export declare const StreamPodSandboxStatsResponse: MessageFns<StreamPodSandboxStatsResponse>;
export declare const PodSandboxAttributes: MessageFns<PodSandboxAttributes>;
export declare const PodSandboxAttributes_LabelsEntry: MessageFns<PodSandboxAttributes_LabelsEntry>;
export declare const PodSandboxAttributes_AnnotationsEntry: MessageFns<PodSandboxAttributes_AnnotationsEntry>;
export declare const PodSandboxStats: MessageFns<PodSandboxStats>;
export declare const LinuxPodSandboxStats: MessageFns<LinuxPodSandboxStats>;
export declare const WindowsPodSandboxStats: MessageFns<WindowsPodSandboxStats>;
export declare const NetworkUsage: MessageFns<NetworkUsage>;
export declare const WindowsNetworkUsage: MessageFns<WindowsNetworkUsage>;
export declare const NetworkInterfaceUsage: MessageFns<NetworkInterfaceUsage>;
export declare const WindowsNetworkInterfaceUsage: MessageFns<WindowsNetworkInterfaceUsage>;
export declare const ProcessUsage: MessageFns<ProcessUsage>;
export declare const WindowsProcessUsage: MessageFns<WindowsProcessUsage>;
export declare const ImageSpec: MessageFns<ImageSpec>;
export declare const ImageSpec_AnnotationsEntry: MessageFns<ImageSpec_AnnotationsEntry>;
export declare const KeyValue: MessageFns<KeyValue>;
export declare const LinuxContainerResources: MessageFns<LinuxContainerResources>;
export declare const LinuxContainerResources_UnifiedEntry: MessageFns<LinuxContainerResources_UnifiedEntry>;
export declare const HugepageLimit: MessageFns<HugepageLimit>;
export declare const SELinuxOption: MessageFns<SELinuxOption>;
export declare const Capability: MessageFns<Capability>;
export declare const LinuxContainerSecurityContext: MessageFns<LinuxContainerSecurityContext>;
export declare const LinuxContainerConfig: MessageFns<LinuxContainerConfig>;
export declare const LinuxContainerUser: MessageFns<LinuxContainerUser>;
export declare const WindowsNamespaceOption: MessageFns<WindowsNamespaceOption>;
export declare const WindowsSandboxSecurityContext: MessageFns<WindowsSandboxSecurityContext>;
export declare const WindowsPodSandboxConfig: MessageFns<WindowsPodSandboxConfig>;
export declare const WindowsContainerSecurityContext: MessageFns<WindowsContainerSecurityContext>;
export declare const WindowsContainerConfig: MessageFns<WindowsContainerConfig>;
export declare const WindowsContainerResources: MessageFns<WindowsContainerResources>;
export declare const WindowsCpuGroupAffinity: MessageFns<WindowsCpuGroupAffinity>;
export declare const ContainerMetadata: MessageFns<ContainerMetadata>;
export declare const Device: MessageFns<Device>;
export declare const CDIDevice: MessageFns<CDIDevice>;
export declare const ContainerConfig: MessageFns<ContainerConfig>;
export declare const ContainerConfig_LabelsEntry: MessageFns<ContainerConfig_LabelsEntry>;
export declare const ContainerConfig_AnnotationsEntry: MessageFns<ContainerConfig_AnnotationsEntry>;
export declare const CreateContainerRequest: MessageFns<CreateContainerRequest>;
export declare const CreateContainerResponse: MessageFns<CreateContainerResponse>;
export declare const StartContainerRequest: MessageFns<StartContainerRequest>;
export declare const StartContainerResponse: MessageFns<StartContainerResponse>;
export declare const StopContainerRequest: MessageFns<StopContainerRequest>;
export declare const StopContainerResponse: MessageFns<StopContainerResponse>;
export declare const RemoveContainerRequest: MessageFns<RemoveContainerRequest>;
export declare const RemoveContainerResponse: MessageFns<RemoveContainerResponse>;
export declare const ContainerStateValue: MessageFns<ContainerStateValue>;
export declare const ContainerFilter: MessageFns<ContainerFilter>;
export declare const ContainerFilter_LabelSelectorEntry: MessageFns<ContainerFilter_LabelSelectorEntry>;
export declare const ListContainersRequest: MessageFns<ListContainersRequest>;
export declare const Container: MessageFns<Container>;
export declare const Container_LabelsEntry: MessageFns<Container_LabelsEntry>;
export declare const Container_AnnotationsEntry: MessageFns<Container_AnnotationsEntry>;
export declare const ListContainersResponse: MessageFns<ListContainersResponse>;
export declare const StreamContainersRequest: MessageFns<StreamContainersRequest>;
export declare const StreamContainersResponse: MessageFns<StreamContainersResponse>;
export declare const ContainerStatusRequest: MessageFns<ContainerStatusRequest>;
export declare const ContainerStatus: MessageFns<ContainerStatus>;
export declare const ContainerStatus_LabelsEntry: MessageFns<ContainerStatus_LabelsEntry>;
export declare const ContainerStatus_AnnotationsEntry: MessageFns<ContainerStatus_AnnotationsEntry>;
export declare const ContainerStatusResponse: MessageFns<ContainerStatusResponse>;
export declare const ContainerStatusResponse_InfoEntry: MessageFns<ContainerStatusResponse_InfoEntry>;
export declare const ContainerResources: MessageFns<ContainerResources>;
export declare const ContainerUser: MessageFns<ContainerUser>;
export declare const UpdateContainerResourcesRequest: MessageFns<UpdateContainerResourcesRequest>;
export declare const UpdateContainerResourcesRequest_AnnotationsEntry: MessageFns<UpdateContainerResourcesRequest_AnnotationsEntry>;
export declare const UpdateContainerResourcesResponse: MessageFns<UpdateContainerResourcesResponse>;
export declare const ExecSyncRequest: MessageFns<ExecSyncRequest>;
export declare const ExecSyncResponse: MessageFns<ExecSyncResponse>;
export declare const ExecRequest: MessageFns<ExecRequest>;
export declare const ExecResponse: MessageFns<ExecResponse>;
export declare const AttachRequest: MessageFns<AttachRequest>;
export declare const AttachResponse: MessageFns<AttachResponse>;
export declare const PortForwardRequest: MessageFns<PortForwardRequest>;
export declare const PortForwardResponse: MessageFns<PortForwardResponse>;
export declare const ImageFilter: MessageFns<ImageFilter>;
export declare const ListImagesRequest: MessageFns<ListImagesRequest>;
export declare const Image: MessageFns<Image>;
export declare const ListImagesResponse: MessageFns<ListImagesResponse>;
export declare const StreamImagesRequest: MessageFns<StreamImagesRequest>;
export declare const StreamImagesResponse: MessageFns<StreamImagesResponse>;
export declare const ImageStatusRequest: MessageFns<ImageStatusRequest>;
export declare const ImageStatusResponse: MessageFns<ImageStatusResponse>;
export declare const ImageStatusResponse_InfoEntry: MessageFns<ImageStatusResponse_InfoEntry>;
export declare const AuthConfig: MessageFns<AuthConfig>;
export declare const PullImageRequest: MessageFns<PullImageRequest>;
export declare const PullImageResponse: MessageFns<PullImageResponse>;
export declare const RemoveImageRequest: MessageFns<RemoveImageRequest>;
export declare const RemoveImageResponse: MessageFns<RemoveImageResponse>;
export declare const NetworkConfig: MessageFns<NetworkConfig>;
export declare const RuntimeConfig: MessageFns<RuntimeConfig>;
export declare const UpdateRuntimeConfigRequest: MessageFns<UpdateRuntimeConfigRequest>;
export declare const UpdateRuntimeConfigResponse: MessageFns<UpdateRuntimeConfigResponse>;
export declare const RuntimeCondition: MessageFns<RuntimeCondition>;
export declare const RuntimeStatus: MessageFns<RuntimeStatus>;
export declare const StatusRequest: MessageFns<StatusRequest>;
export declare const RuntimeHandlerFeatures: MessageFns<RuntimeHandlerFeatures>;
export declare const RuntimeHandler: MessageFns<RuntimeHandler>;
export declare const RuntimeFeatures: MessageFns<RuntimeFeatures>;
export declare const StatusResponse: MessageFns<StatusResponse>;
export declare const StatusResponse_InfoEntry: MessageFns<StatusResponse_InfoEntry>;
export declare const ImageFsInfoRequest: MessageFns<ImageFsInfoRequest>;
export declare const UInt64Value: MessageFns<UInt64Value>;
export declare const FilesystemIdentifier: MessageFns<FilesystemIdentifier>;
export declare const FilesystemUsage: MessageFns<FilesystemUsage>;
export declare const WindowsFilesystemUsage: MessageFns<WindowsFilesystemUsage>;
export declare const ImageFsInfoResponse: MessageFns<ImageFsInfoResponse>;
export declare const ContainerStatsRequest: MessageFns<ContainerStatsRequest>;
export declare const ContainerStatsResponse: MessageFns<ContainerStatsResponse>;
export declare const ListContainerStatsRequest: MessageFns<ListContainerStatsRequest>;
export declare const ContainerStatsFilter: MessageFns<ContainerStatsFilter>;
export declare const ContainerStatsFilter_LabelSelectorEntry: MessageFns<ContainerStatsFilter_LabelSelectorEntry>;
export declare const ListContainerStatsResponse: MessageFns<ListContainerStatsResponse>;
export declare const StreamContainerStatsRequest: MessageFns<StreamContainerStatsRequest>;
export declare const StreamContainerStatsResponse: MessageFns<StreamContainerStatsResponse>;
export declare const ContainerAttributes: MessageFns<ContainerAttributes>;
export declare const ContainerAttributes_LabelsEntry: MessageFns<ContainerAttributes_LabelsEntry>;
export declare const ContainerAttributes_AnnotationsEntry: MessageFns<ContainerAttributes_AnnotationsEntry>;
export declare const ContainerStats: MessageFns<ContainerStats>;
export declare const WindowsContainerStats: MessageFns<WindowsContainerStats>;
export declare const PsiStats: MessageFns<PsiStats>;
export declare const PsiData: MessageFns<PsiData>;
export declare const CpuUsage: MessageFns<CpuUsage>;
export declare const WindowsCpuUsage: MessageFns<WindowsCpuUsage>;
export declare const MemoryUsage: MessageFns<MemoryUsage>;
export declare const IoUsage: MessageFns<IoUsage>;
export declare const SwapUsage: MessageFns<SwapUsage>;
export declare const WindowsMemoryUsage: MessageFns<WindowsMemoryUsage>;
export declare const ReopenContainerLogRequest: MessageFns<ReopenContainerLogRequest>;
export declare const ReopenContainerLogResponse: MessageFns<ReopenContainerLogResponse>;
export declare const CheckpointContainerRequest: MessageFns<CheckpointContainerRequest>;
export declare const CheckpointContainerResponse: MessageFns<CheckpointContainerResponse>;
export declare const GetEventsRequest: MessageFns<GetEventsRequest>;
export declare const ContainerEventResponse: MessageFns<ContainerEventResponse>;
export declare const ListMetricDescriptorsRequest: MessageFns<ListMetricDescriptorsRequest>;
export declare const ListMetricDescriptorsResponse: MessageFns<ListMetricDescriptorsResponse>;
export declare const MetricDescriptor: MessageFns<MetricDescriptor>;
export declare const ListPodSandboxMetricsRequest: MessageFns<ListPodSandboxMetricsRequest>;
export declare const ListPodSandboxMetricsResponse: MessageFns<ListPodSandboxMetricsResponse>;
export declare const StreamPodSandboxMetricsRequest: MessageFns<StreamPodSandboxMetricsRequest>;
export declare const StreamPodSandboxMetricsResponse: MessageFns<StreamPodSandboxMetricsResponse>;
export declare const PodSandboxMetrics: MessageFns<PodSandboxMetrics>;
export declare const ContainerMetrics: MessageFns<ContainerMetrics>;
export declare const Metric: MessageFns<Metric>;
export declare const RuntimeConfigRequest: MessageFns<RuntimeConfigRequest>;
export declare const RuntimeConfigResponse: MessageFns<RuntimeConfigResponse>;
export declare const LinuxRuntimeConfiguration: MessageFns<LinuxRuntimeConfiguration>;
export declare const UpdatePodSandboxResourcesRequest: MessageFns<UpdatePodSandboxResourcesRequest>;
export declare const UpdatePodSandboxResourcesResponse: MessageFns<UpdatePodSandboxResourcesResponse>;
/** Pods and containers: their life cycle, commands run in them, figures about them. */
export type RuntimeServiceService = typeof RuntimeServiceService;
export declare const RuntimeServiceService: {
    /** Names the runtime and the API version it speaks. Always the first call of a client. */
    readonly version: {
        readonly path: "/runtime.v1.RuntimeService/Version";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: VersionRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => VersionRequest;
        readonly responseSerialize: (value: VersionResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => VersionResponse;
    };
    /** Makes a pod: namespaces, network, files. Returns once the pod is ready to take containers. */
    readonly runPodSandbox: {
        readonly path: "/runtime.v1.RuntimeService/RunPodSandbox";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: RunPodSandboxRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => RunPodSandboxRequest;
        readonly responseSerialize: (value: RunPodSandboxResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => RunPodSandboxResponse;
    };
    /** Ends every process of the pod and gives back its network. May be repeated; an unknown id is no error. */
    readonly stopPodSandbox: {
        readonly path: "/runtime.v1.RuntimeService/StopPodSandbox";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: StopPodSandboxRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => StopPodSandboxRequest;
        readonly responseSerialize: (value: StopPodSandboxResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => StopPodSandboxResponse;
    };
    /** Removes a pod with all its containers, stopping what still runs. May be repeated. */
    readonly removePodSandbox: {
        readonly path: "/runtime.v1.RuntimeService/RemovePodSandbox";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: RemovePodSandboxRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => RemovePodSandboxRequest;
        readonly responseSerialize: (value: RemovePodSandboxResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => RemovePodSandboxResponse;
    };
    /** All that is known of one pod; NOT_FOUND if there is none. */
    readonly podSandboxStatus: {
        readonly path: "/runtime.v1.RuntimeService/PodSandboxStatus";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: PodSandboxStatusRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => PodSandboxStatusRequest;
        readonly responseSerialize: (value: PodSandboxStatusResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => PodSandboxStatusResponse;
    };
    /** The pods that pass a filter. */
    readonly listPodSandbox: {
        readonly path: "/runtime.v1.RuntimeService/ListPodSandbox";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: ListPodSandboxRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => ListPodSandboxRequest;
        readonly responseSerialize: (value: ListPodSandboxResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => ListPodSandboxResponse;
    };
    /** As ListPodSandbox, in several messages of one item or more each. */
    readonly streamPodSandboxes: {
        readonly path: "/runtime.v1.RuntimeService/StreamPodSandboxes";
        readonly requestStream: false;
        readonly responseStream: true;
        readonly requestSerialize: (value: StreamPodSandboxesRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => StreamPodSandboxesRequest;
        readonly responseSerialize: (value: StreamPodSandboxesResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => StreamPodSandboxesResponse;
    };
    /** Prepares a container in a ready pod. Runs nothing yet. */
    readonly createContainer: {
        readonly path: "/runtime.v1.RuntimeService/CreateContainer";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: CreateContainerRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => CreateContainerRequest;
        readonly responseSerialize: (value: CreateContainerResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => CreateContainerResponse;
    };
    /** Runs the process of a created container. */
    readonly startContainer: {
        readonly path: "/runtime.v1.RuntimeService/StartContainer";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: StartContainerRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => StartContainerRequest;
        readonly responseSerialize: (value: StartContainerResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => StartContainerResponse;
    };
    /** Stop signal, grace time, then SIGKILL; returns when the process is gone. May be repeated. */
    readonly stopContainer: {
        readonly path: "/runtime.v1.RuntimeService/StopContainer";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: StopContainerRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => StopContainerRequest;
        readonly responseSerialize: (value: StopContainerResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => StopContainerResponse;
    };
    /** Removes a container and its writable layer, killing it first if need be. May be repeated. */
    readonly removeContainer: {
        readonly path: "/runtime.v1.RuntimeService/RemoveContainer";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: RemoveContainerRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => RemoveContainerRequest;
        readonly responseSerialize: (value: RemoveContainerResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => RemoveContainerResponse;
    };
    /** The containers that pass a filter. */
    readonly listContainers: {
        readonly path: "/runtime.v1.RuntimeService/ListContainers";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: ListContainersRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => ListContainersRequest;
        readonly responseSerialize: (value: ListContainersResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => ListContainersResponse;
    };
    /** As ListContainers, in several messages of one item or more each. */
    readonly streamContainers: {
        readonly path: "/runtime.v1.RuntimeService/StreamContainers";
        readonly requestStream: false;
        readonly responseStream: true;
        readonly requestSerialize: (value: StreamContainersRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => StreamContainersRequest;
        readonly responseSerialize: (value: StreamContainersResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => StreamContainersResponse;
    };
    /** All that is known of one container; NOT_FOUND if there is none. */
    readonly containerStatus: {
        readonly path: "/runtime.v1.RuntimeService/ContainerStatus";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: ContainerStatusRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => ContainerStatusRequest;
        readonly responseSerialize: (value: ContainerStatusResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => ContainerStatusResponse;
    };
    /** Changes the limits of a container, all of them or none. */
    readonly updateContainerResources: {
        readonly path: "/runtime.v1.RuntimeService/UpdateContainerResources";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: UpdateContainerResourcesRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => UpdateContainerResourcesRequest;
        readonly responseSerialize: (value: UpdateContainerResourcesResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => UpdateContainerResourcesResponse;
    };
    /** Closes and reopens the log of a running container, after its file was renamed. */
    readonly reopenContainerLog: {
        readonly path: "/runtime.v1.RuntimeService/ReopenContainerLog";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: ReopenContainerLogRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => ReopenContainerLogRequest;
        readonly responseSerialize: (value: ReopenContainerLogResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => ReopenContainerLogResponse;
    };
    /** Runs a command in a container and answers with its output and exit code. */
    readonly execSync: {
        readonly path: "/runtime.v1.RuntimeService/ExecSync";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: ExecSyncRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => ExecSyncRequest;
        readonly responseSerialize: (value: ExecSyncResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => ExecSyncResponse;
    };
    /** Prepares a streamed command; the caller then connects to the URL in the answer. */
    readonly exec: {
        readonly path: "/runtime.v1.RuntimeService/Exec";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: ExecRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => ExecRequest;
        readonly responseSerialize: (value: ExecResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => ExecResponse;
    };
    /** Prepares a stream to the main process; the caller then connects to the URL in the answer. */
    readonly attach: {
        readonly path: "/runtime.v1.RuntimeService/Attach";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: AttachRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => AttachRequest;
        readonly responseSerialize: (value: AttachResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => AttachResponse;
    };
    /** Prepares a tunnel to ports of a pod; the caller then connects to the URL in the answer. */
    readonly portForward: {
        readonly path: "/runtime.v1.RuntimeService/PortForward";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: PortForwardRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => PortForwardRequest;
        readonly responseSerialize: (value: PortForwardResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => PortForwardResponse;
    };
    /** Use of resources by one running container. */
    readonly containerStats: {
        readonly path: "/runtime.v1.RuntimeService/ContainerStats";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: ContainerStatsRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => ContainerStatsRequest;
        readonly responseSerialize: (value: ContainerStatsResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => ContainerStatsResponse;
    };
    /** Use of resources by all running containers that pass a filter. */
    readonly listContainerStats: {
        readonly path: "/runtime.v1.RuntimeService/ListContainerStats";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: ListContainerStatsRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => ListContainerStatsRequest;
        readonly responseSerialize: (value: ListContainerStatsResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => ListContainerStatsResponse;
    };
    /** As ListContainerStats, in several messages of one item or more each. */
    readonly streamContainerStats: {
        readonly path: "/runtime.v1.RuntimeService/StreamContainerStats";
        readonly requestStream: false;
        readonly responseStream: true;
        readonly requestSerialize: (value: StreamContainerStatsRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => StreamContainerStatsRequest;
        readonly responseSerialize: (value: StreamContainerStatsResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => StreamContainerStatsResponse;
    };
    /** Use of resources by one pod. */
    readonly podSandboxStats: {
        readonly path: "/runtime.v1.RuntimeService/PodSandboxStats";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: PodSandboxStatsRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => PodSandboxStatsRequest;
        readonly responseSerialize: (value: PodSandboxStatsResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => PodSandboxStatsResponse;
    };
    /** Use of resources by all pods that pass a filter. */
    readonly listPodSandboxStats: {
        readonly path: "/runtime.v1.RuntimeService/ListPodSandboxStats";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: ListPodSandboxStatsRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => ListPodSandboxStatsRequest;
        readonly responseSerialize: (value: ListPodSandboxStatsResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => ListPodSandboxStatsResponse;
    };
    /** As ListPodSandboxStats, in several messages of one item or more each. */
    readonly streamPodSandboxStats: {
        readonly path: "/runtime.v1.RuntimeService/StreamPodSandboxStats";
        readonly requestStream: false;
        readonly responseStream: true;
        readonly requestSerialize: (value: StreamPodSandboxStatsRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => StreamPodSandboxStatsRequest;
        readonly responseSerialize: (value: StreamPodSandboxStatsResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => StreamPodSandboxStatsResponse;
    };
    /** Tells the runtime the address range of the node's pods. */
    readonly updateRuntimeConfig: {
        readonly path: "/runtime.v1.RuntimeService/UpdateRuntimeConfig";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: UpdateRuntimeConfigRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => UpdateRuntimeConfigRequest;
        readonly responseSerialize: (value: UpdateRuntimeConfigResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => UpdateRuntimeConfigResponse;
    };
    /** Whether runtime and network are ready, and what each handler can do. */
    readonly status: {
        readonly path: "/runtime.v1.RuntimeService/Status";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: StatusRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => StatusRequest;
        readonly responseSerialize: (value: StatusResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => StatusResponse;
    };
    /** Writes the state of a running container to an archive; the container goes on. */
    readonly checkpointContainer: {
        readonly path: "/runtime.v1.RuntimeService/CheckpointContainer";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: CheckpointContainerRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => CheckpointContainerRequest;
        readonly responseSerialize: (value: CheckpointContainerResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => CheckpointContainerResponse;
    };
    /** Every change of state of pods and containers from now on, until the caller hangs up. */
    readonly getContainerEvents: {
        readonly path: "/runtime.v1.RuntimeService/GetContainerEvents";
        readonly requestStream: false;
        readonly responseStream: true;
        readonly requestSerialize: (value: GetEventsRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => GetEventsRequest;
        readonly responseSerialize: (value: ContainerEventResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => ContainerEventResponse;
    };
    /** The metrics that ListPodSandboxMetrics may return; does not change while the runtime runs. */
    readonly listMetricDescriptors: {
        readonly path: "/runtime.v1.RuntimeService/ListMetricDescriptors";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: ListMetricDescriptorsRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => ListMetricDescriptorsRequest;
        readonly responseSerialize: (value: ListMetricDescriptorsResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => ListMetricDescriptorsResponse;
    };
    /** The metrics of every pod and its containers. */
    readonly listPodSandboxMetrics: {
        readonly path: "/runtime.v1.RuntimeService/ListPodSandboxMetrics";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: ListPodSandboxMetricsRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => ListPodSandboxMetricsRequest;
        readonly responseSerialize: (value: ListPodSandboxMetricsResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => ListPodSandboxMetricsResponse;
    };
    /** As ListPodSandboxMetrics, in several messages of one item or more each. */
    readonly streamPodSandboxMetrics: {
        readonly path: "/runtime.v1.RuntimeService/StreamPodSandboxMetrics";
        readonly requestStream: false;
        readonly responseStream: true;
        readonly requestSerialize: (value: StreamPodSandboxMetricsRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => StreamPodSandboxMetricsRequest;
        readonly responseSerialize: (value: StreamPodSandboxMetricsResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => StreamPodSandboxMetricsResponse;
    };
    /** Settings that the kubelet has to follow. They stay as they are for the kubelet's life. */
    readonly runtimeConfig: {
        readonly path: "/runtime.v1.RuntimeService/RuntimeConfig";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: RuntimeConfigRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => RuntimeConfigRequest;
        readonly responseSerialize: (value: RuntimeConfigResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => RuntimeConfigResponse;
    };
    /** Tells the runtime of pod limits that the kubelet has already written to the cgroup. */
    readonly updatePodSandboxResources: {
        readonly path: "/runtime.v1.RuntimeService/UpdatePodSandboxResources";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: UpdatePodSandboxResourcesRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => UpdatePodSandboxResourcesRequest;
        readonly responseSerialize: (value: UpdatePodSandboxResourcesResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => UpdatePodSandboxResourcesResponse;
    };
};
export interface RuntimeServiceServer extends UntypedServiceImplementation {
    /** Names the runtime and the API version it speaks. Always the first call of a client. */
    version: handleUnaryCall<VersionRequest, VersionResponse>;
    /** Makes a pod: namespaces, network, files. Returns once the pod is ready to take containers. */
    runPodSandbox: handleUnaryCall<RunPodSandboxRequest, RunPodSandboxResponse>;
    /** Ends every process of the pod and gives back its network. May be repeated; an unknown id is no error. */
    stopPodSandbox: handleUnaryCall<StopPodSandboxRequest, StopPodSandboxResponse>;
    /** Removes a pod with all its containers, stopping what still runs. May be repeated. */
    removePodSandbox: handleUnaryCall<RemovePodSandboxRequest, RemovePodSandboxResponse>;
    /** All that is known of one pod; NOT_FOUND if there is none. */
    podSandboxStatus: handleUnaryCall<PodSandboxStatusRequest, PodSandboxStatusResponse>;
    /** The pods that pass a filter. */
    listPodSandbox: handleUnaryCall<ListPodSandboxRequest, ListPodSandboxResponse>;
    /** As ListPodSandbox, in several messages of one item or more each. */
    streamPodSandboxes: handleServerStreamingCall<StreamPodSandboxesRequest, StreamPodSandboxesResponse>;
    /** Prepares a container in a ready pod. Runs nothing yet. */
    createContainer: handleUnaryCall<CreateContainerRequest, CreateContainerResponse>;
    /** Runs the process of a created container. */
    startContainer: handleUnaryCall<StartContainerRequest, StartContainerResponse>;
    /** Stop signal, grace time, then SIGKILL; returns when the process is gone. May be repeated. */
    stopContainer: handleUnaryCall<StopContainerRequest, StopContainerResponse>;
    /** Removes a container and its writable layer, killing it first if need be. May be repeated. */
    removeContainer: handleUnaryCall<RemoveContainerRequest, RemoveContainerResponse>;
    /** The containers that pass a filter. */
    listContainers: handleUnaryCall<ListContainersRequest, ListContainersResponse>;
    /** As ListContainers, in several messages of one item or more each. */
    streamContainers: handleServerStreamingCall<StreamContainersRequest, StreamContainersResponse>;
    /** All that is known of one container; NOT_FOUND if there is none. */
    containerStatus: handleUnaryCall<ContainerStatusRequest, ContainerStatusResponse>;
    /** Changes the limits of a container, all of them or none. */
    updateContainerResources: handleUnaryCall<UpdateContainerResourcesRequest, UpdateContainerResourcesResponse>;
    /** Closes and reopens the log of a running container, after its file was renamed. */
    reopenContainerLog: handleUnaryCall<ReopenContainerLogRequest, ReopenContainerLogResponse>;
    /** Runs a command in a container and answers with its output and exit code. */
    execSync: handleUnaryCall<ExecSyncRequest, ExecSyncResponse>;
    /** Prepares a streamed command; the caller then connects to the URL in the answer. */
    exec: handleUnaryCall<ExecRequest, ExecResponse>;
    /** Prepares a stream to the main process; the caller then connects to the URL in the answer. */
    attach: handleUnaryCall<AttachRequest, AttachResponse>;
    /** Prepares a tunnel to ports of a pod; the caller then connects to the URL in the answer. */
    portForward: handleUnaryCall<PortForwardRequest, PortForwardResponse>;
    /** Use of resources by one running container. */
    containerStats: handleUnaryCall<ContainerStatsRequest, ContainerStatsResponse>;
    /** Use of resources by all running containers that pass a filter. */
    listContainerStats: handleUnaryCall<ListContainerStatsRequest, ListContainerStatsResponse>;
    /** As ListContainerStats, in several messages of one item or more each. */
    streamContainerStats: handleServerStreamingCall<StreamContainerStatsRequest, StreamContainerStatsResponse>;
    /** Use of resources by one pod. */
    podSandboxStats: handleUnaryCall<PodSandboxStatsRequest, PodSandboxStatsResponse>;
    /** Use of resources by all pods that pass a filter. */
    listPodSandboxStats: handleUnaryCall<ListPodSandboxStatsRequest, ListPodSandboxStatsResponse>;
    /** As ListPodSandboxStats, in several messages of one item or more each. */
    streamPodSandboxStats: handleServerStreamingCall<StreamPodSandboxStatsRequest, StreamPodSandboxStatsResponse>;
    /** Tells the runtime the address range of the node's pods. */
    updateRuntimeConfig: handleUnaryCall<UpdateRuntimeConfigRequest, UpdateRuntimeConfigResponse>;
    /** Whether runtime and network are ready, and what each handler can do. */
    status: handleUnaryCall<StatusRequest, StatusResponse>;
    /** Writes the state of a running container to an archive; the container goes on. */
    checkpointContainer: handleUnaryCall<CheckpointContainerRequest, CheckpointContainerResponse>;
    /** Every change of state of pods and containers from now on, until the caller hangs up. */
    getContainerEvents: handleServerStreamingCall<GetEventsRequest, ContainerEventResponse>;
    /** The metrics that ListPodSandboxMetrics may return; does not change while the runtime runs. */
    listMetricDescriptors: handleUnaryCall<ListMetricDescriptorsRequest, ListMetricDescriptorsResponse>;
    /** The metrics of every pod and its containers. */
    listPodSandboxMetrics: handleUnaryCall<ListPodSandboxMetricsRequest, ListPodSandboxMetricsResponse>;
    /** As ListPodSandboxMetrics, in several messages of one item or more each. */
    streamPodSandboxMetrics: handleServerStreamingCall<StreamPodSandboxMetricsRequest, StreamPodSandboxMetricsResponse>;
    /** Settings that the kubelet has to follow. They stay as they are for the kubelet's life. */
    runtimeConfig: handleUnaryCall<RuntimeConfigRequest, RuntimeConfigResponse>;
    /** Tells the runtime of pod limits that the kubelet has already written to the cgroup. */
    updatePodSandboxResources: handleUnaryCall<UpdatePodSandboxResourcesRequest, UpdatePodSandboxResourcesResponse>;
}
export interface RuntimeServiceClient extends Client {
    /** Names the runtime and the API version it speaks. Always the first call of a client. */
    version(request: VersionRequest, callback: (error: ServiceError | null, response: VersionResponse) => void): ClientUnaryCall;
    version(request: VersionRequest, metadata: Metadata, callback: (error: ServiceError | null, response: VersionResponse) => void): ClientUnaryCall;
    version(request: VersionRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: VersionResponse) => void): ClientUnaryCall;
    /** Makes a pod: namespaces, network, files. Returns once the pod is ready to take containers. */
    runPodSandbox(request: RunPodSandboxRequest, callback: (error: ServiceError | null, response: RunPodSandboxResponse) => void): ClientUnaryCall;
    runPodSandbox(request: RunPodSandboxRequest, metadata: Metadata, callback: (error: ServiceError | null, response: RunPodSandboxResponse) => void): ClientUnaryCall;
    runPodSandbox(request: RunPodSandboxRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: RunPodSandboxResponse) => void): ClientUnaryCall;
    /** Ends every process of the pod and gives back its network. May be repeated; an unknown id is no error. */
    stopPodSandbox(request: StopPodSandboxRequest, callback: (error: ServiceError | null, response: StopPodSandboxResponse) => void): ClientUnaryCall;
    stopPodSandbox(request: StopPodSandboxRequest, metadata: Metadata, callback: (error: ServiceError | null, response: StopPodSandboxResponse) => void): ClientUnaryCall;
    stopPodSandbox(request: StopPodSandboxRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: StopPodSandboxResponse) => void): ClientUnaryCall;
    /** Removes a pod with all its containers, stopping what still runs. May be repeated. */
    removePodSandbox(request: RemovePodSandboxRequest, callback: (error: ServiceError | null, response: RemovePodSandboxResponse) => void): ClientUnaryCall;
    removePodSandbox(request: RemovePodSandboxRequest, metadata: Metadata, callback: (error: ServiceError | null, response: RemovePodSandboxResponse) => void): ClientUnaryCall;
    removePodSandbox(request: RemovePodSandboxRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: RemovePodSandboxResponse) => void): ClientUnaryCall;
    /** All that is known of one pod; NOT_FOUND if there is none. */
    podSandboxStatus(request: PodSandboxStatusRequest, callback: (error: ServiceError | null, response: PodSandboxStatusResponse) => void): ClientUnaryCall;
    podSandboxStatus(request: PodSandboxStatusRequest, metadata: Metadata, callback: (error: ServiceError | null, response: PodSandboxStatusResponse) => void): ClientUnaryCall;
    podSandboxStatus(request: PodSandboxStatusRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: PodSandboxStatusResponse) => void): ClientUnaryCall;
    /** The pods that pass a filter. */
    listPodSandbox(request: ListPodSandboxRequest, callback: (error: ServiceError | null, response: ListPodSandboxResponse) => void): ClientUnaryCall;
    listPodSandbox(request: ListPodSandboxRequest, metadata: Metadata, callback: (error: ServiceError | null, response: ListPodSandboxResponse) => void): ClientUnaryCall;
    listPodSandbox(request: ListPodSandboxRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: ListPodSandboxResponse) => void): ClientUnaryCall;
    /** As ListPodSandbox, in several messages of one item or more each. */
    streamPodSandboxes(request: StreamPodSandboxesRequest, options?: Partial<CallOptions>): ClientReadableStream<StreamPodSandboxesResponse>;
    streamPodSandboxes(request: StreamPodSandboxesRequest, metadata?: Metadata, options?: Partial<CallOptions>): ClientReadableStream<StreamPodSandboxesResponse>;
    /** Prepares a container in a ready pod. Runs nothing yet. */
    createContainer(request: CreateContainerRequest, callback: (error: ServiceError | null, response: CreateContainerResponse) => void): ClientUnaryCall;
    createContainer(request: CreateContainerRequest, metadata: Metadata, callback: (error: ServiceError | null, response: CreateContainerResponse) => void): ClientUnaryCall;
    createContainer(request: CreateContainerRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: CreateContainerResponse) => void): ClientUnaryCall;
    /** Runs the process of a created container. */
    startContainer(request: StartContainerRequest, callback: (error: ServiceError | null, response: StartContainerResponse) => void): ClientUnaryCall;
    startContainer(request: StartContainerRequest, metadata: Metadata, callback: (error: ServiceError | null, response: StartContainerResponse) => void): ClientUnaryCall;
    startContainer(request: StartContainerRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: StartContainerResponse) => void): ClientUnaryCall;
    /** Stop signal, grace time, then SIGKILL; returns when the process is gone. May be repeated. */
    stopContainer(request: StopContainerRequest, callback: (error: ServiceError | null, response: StopContainerResponse) => void): ClientUnaryCall;
    stopContainer(request: StopContainerRequest, metadata: Metadata, callback: (error: ServiceError | null, response: StopContainerResponse) => void): ClientUnaryCall;
    stopContainer(request: StopContainerRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: StopContainerResponse) => void): ClientUnaryCall;
    /** Removes a container and its writable layer, killing it first if need be. May be repeated. */
    removeContainer(request: RemoveContainerRequest, callback: (error: ServiceError | null, response: RemoveContainerResponse) => void): ClientUnaryCall;
    removeContainer(request: RemoveContainerRequest, metadata: Metadata, callback: (error: ServiceError | null, response: RemoveContainerResponse) => void): ClientUnaryCall;
    removeContainer(request: RemoveContainerRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: RemoveContainerResponse) => void): ClientUnaryCall;
    /** The containers that pass a filter. */
    listContainers(request: ListContainersRequest, callback: (error: ServiceError | null, response: ListContainersResponse) => void): ClientUnaryCall;
    listContainers(request: ListContainersRequest, metadata: Metadata, callback: (error: ServiceError | null, response: ListContainersResponse) => void): ClientUnaryCall;
    listContainers(request: ListContainersRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: ListContainersResponse) => void): ClientUnaryCall;
    /** As ListContainers, in several messages of one item or more each. */
    streamContainers(request: StreamContainersRequest, options?: Partial<CallOptions>): ClientReadableStream<StreamContainersResponse>;
    streamContainers(request: StreamContainersRequest, metadata?: Metadata, options?: Partial<CallOptions>): ClientReadableStream<StreamContainersResponse>;
    /** All that is known of one container; NOT_FOUND if there is none. */
    containerStatus(request: ContainerStatusRequest, callback: (error: ServiceError | null, response: ContainerStatusResponse) => void): ClientUnaryCall;
    containerStatus(request: ContainerStatusRequest, metadata: Metadata, callback: (error: ServiceError | null, response: ContainerStatusResponse) => void): ClientUnaryCall;
    containerStatus(request: ContainerStatusRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: ContainerStatusResponse) => void): ClientUnaryCall;
    /** Changes the limits of a container, all of them or none. */
    updateContainerResources(request: UpdateContainerResourcesRequest, callback: (error: ServiceError | null, response: UpdateContainerResourcesResponse) => void): ClientUnaryCall;
    updateContainerResources(request: UpdateContainerResourcesRequest, metadata: Metadata, callback: (error: ServiceError | null, response: UpdateContainerResourcesResponse) => void): ClientUnaryCall;
    updateContainerResources(request: UpdateContainerResourcesRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: UpdateContainerResourcesResponse) => void): ClientUnaryCall;
    /** Closes and reopens the log of a running container, after its file was renamed. */
    reopenContainerLog(request: ReopenContainerLogRequest, callback: (error: ServiceError | null, response: ReopenContainerLogResponse) => void): ClientUnaryCall;
    reopenContainerLog(request: ReopenContainerLogRequest, metadata: Metadata, callback: (error: ServiceError | null, response: ReopenContainerLogResponse) => void): ClientUnaryCall;
    reopenContainerLog(request: ReopenContainerLogRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: ReopenContainerLogResponse) => void): ClientUnaryCall;
    /** Runs a command in a container and answers with its output and exit code. */
    execSync(request: ExecSyncRequest, callback: (error: ServiceError | null, response: ExecSyncResponse) => void): ClientUnaryCall;
    execSync(request: ExecSyncRequest, metadata: Metadata, callback: (error: ServiceError | null, response: ExecSyncResponse) => void): ClientUnaryCall;
    execSync(request: ExecSyncRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: ExecSyncResponse) => void): ClientUnaryCall;
    /** Prepares a streamed command; the caller then connects to the URL in the answer. */
    exec(request: ExecRequest, callback: (error: ServiceError | null, response: ExecResponse) => void): ClientUnaryCall;
    exec(request: ExecRequest, metadata: Metadata, callback: (error: ServiceError | null, response: ExecResponse) => void): ClientUnaryCall;
    exec(request: ExecRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: ExecResponse) => void): ClientUnaryCall;
    /** Prepares a stream to the main process; the caller then connects to the URL in the answer. */
    attach(request: AttachRequest, callback: (error: ServiceError | null, response: AttachResponse) => void): ClientUnaryCall;
    attach(request: AttachRequest, metadata: Metadata, callback: (error: ServiceError | null, response: AttachResponse) => void): ClientUnaryCall;
    attach(request: AttachRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: AttachResponse) => void): ClientUnaryCall;
    /** Prepares a tunnel to ports of a pod; the caller then connects to the URL in the answer. */
    portForward(request: PortForwardRequest, callback: (error: ServiceError | null, response: PortForwardResponse) => void): ClientUnaryCall;
    portForward(request: PortForwardRequest, metadata: Metadata, callback: (error: ServiceError | null, response: PortForwardResponse) => void): ClientUnaryCall;
    portForward(request: PortForwardRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: PortForwardResponse) => void): ClientUnaryCall;
    /** Use of resources by one running container. */
    containerStats(request: ContainerStatsRequest, callback: (error: ServiceError | null, response: ContainerStatsResponse) => void): ClientUnaryCall;
    containerStats(request: ContainerStatsRequest, metadata: Metadata, callback: (error: ServiceError | null, response: ContainerStatsResponse) => void): ClientUnaryCall;
    containerStats(request: ContainerStatsRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: ContainerStatsResponse) => void): ClientUnaryCall;
    /** Use of resources by all running containers that pass a filter. */
    listContainerStats(request: ListContainerStatsRequest, callback: (error: ServiceError | null, response: ListContainerStatsResponse) => void): ClientUnaryCall;
    listContainerStats(request: ListContainerStatsRequest, metadata: Metadata, callback: (error: ServiceError | null, response: ListContainerStatsResponse) => void): ClientUnaryCall;
    listContainerStats(request: ListContainerStatsRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: ListContainerStatsResponse) => void): ClientUnaryCall;
    /** As ListContainerStats, in several messages of one item or more each. */
    streamContainerStats(request: StreamContainerStatsRequest, options?: Partial<CallOptions>): ClientReadableStream<StreamContainerStatsResponse>;
    streamContainerStats(request: StreamContainerStatsRequest, metadata?: Metadata, options?: Partial<CallOptions>): ClientReadableStream<StreamContainerStatsResponse>;
    /** Use of resources by one pod. */
    podSandboxStats(request: PodSandboxStatsRequest, callback: (error: ServiceError | null, response: PodSandboxStatsResponse) => void): ClientUnaryCall;
    podSandboxStats(request: PodSandboxStatsRequest, metadata: Metadata, callback: (error: ServiceError | null, response: PodSandboxStatsResponse) => void): ClientUnaryCall;
    podSandboxStats(request: PodSandboxStatsRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: PodSandboxStatsResponse) => void): ClientUnaryCall;
    /** Use of resources by all pods that pass a filter. */
    listPodSandboxStats(request: ListPodSandboxStatsRequest, callback: (error: ServiceError | null, response: ListPodSandboxStatsResponse) => void): ClientUnaryCall;
    listPodSandboxStats(request: ListPodSandboxStatsRequest, metadata: Metadata, callback: (error: ServiceError | null, response: ListPodSandboxStatsResponse) => void): ClientUnaryCall;
    listPodSandboxStats(request: ListPodSandboxStatsRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: ListPodSandboxStatsResponse) => void): ClientUnaryCall;
    /** As ListPodSandboxStats, in several messages of one item or more each. */
    streamPodSandboxStats(request: StreamPodSandboxStatsRequest, options?: Partial<CallOptions>): ClientReadableStream<StreamPodSandboxStatsResponse>;
    streamPodSandboxStats(request: StreamPodSandboxStatsRequest, metadata?: Metadata, options?: Partial<CallOptions>): ClientReadableStream<StreamPodSandboxStatsResponse>;
    /** Tells the runtime the address range of the node's pods. */
    updateRuntimeConfig(request: UpdateRuntimeConfigRequest, callback: (error: ServiceError | null, response: UpdateRuntimeConfigResponse) => void): ClientUnaryCall;
    updateRuntimeConfig(request: UpdateRuntimeConfigRequest, metadata: Metadata, callback: (error: ServiceError | null, response: UpdateRuntimeConfigResponse) => void): ClientUnaryCall;
    updateRuntimeConfig(request: UpdateRuntimeConfigRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: UpdateRuntimeConfigResponse) => void): ClientUnaryCall;
    /** Whether runtime and network are ready, and what each handler can do. */
    status(request: StatusRequest, callback: (error: ServiceError | null, response: StatusResponse) => void): ClientUnaryCall;
    status(request: StatusRequest, metadata: Metadata, callback: (error: ServiceError | null, response: StatusResponse) => void): ClientUnaryCall;
    status(request: StatusRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: StatusResponse) => void): ClientUnaryCall;
    /** Writes the state of a running container to an archive; the container goes on. */
    checkpointContainer(request: CheckpointContainerRequest, callback: (error: ServiceError | null, response: CheckpointContainerResponse) => void): ClientUnaryCall;
    checkpointContainer(request: CheckpointContainerRequest, metadata: Metadata, callback: (error: ServiceError | null, response: CheckpointContainerResponse) => void): ClientUnaryCall;
    checkpointContainer(request: CheckpointContainerRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: CheckpointContainerResponse) => void): ClientUnaryCall;
    /** Every change of state of pods and containers from now on, until the caller hangs up. */
    getContainerEvents(request: GetEventsRequest, options?: Partial<CallOptions>): ClientReadableStream<ContainerEventResponse>;
    getContainerEvents(request: GetEventsRequest, metadata?: Metadata, options?: Partial<CallOptions>): ClientReadableStream<ContainerEventResponse>;
    /** The metrics that ListPodSandboxMetrics may return; does not change while the runtime runs. */
    listMetricDescriptors(request: ListMetricDescriptorsRequest, callback: (error: ServiceError | null, response: ListMetricDescriptorsResponse) => void): ClientUnaryCall;
    listMetricDescriptors(request: ListMetricDescriptorsRequest, metadata: Metadata, callback: (error: ServiceError | null, response: ListMetricDescriptorsResponse) => void): ClientUnaryCall;
    listMetricDescriptors(request: ListMetricDescriptorsRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: ListMetricDescriptorsResponse) => void): ClientUnaryCall;
    /** The metrics of every pod and its containers. */
    listPodSandboxMetrics(request: ListPodSandboxMetricsRequest, callback: (error: ServiceError | null, response: ListPodSandboxMetricsResponse) => void): ClientUnaryCall;
    listPodSandboxMetrics(request: ListPodSandboxMetricsRequest, metadata: Metadata, callback: (error: ServiceError | null, response: ListPodSandboxMetricsResponse) => void): ClientUnaryCall;
    listPodSandboxMetrics(request: ListPodSandboxMetricsRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: ListPodSandboxMetricsResponse) => void): ClientUnaryCall;
    /** As ListPodSandboxMetrics, in several messages of one item or more each. */
    streamPodSandboxMetrics(request: StreamPodSandboxMetricsRequest, options?: Partial<CallOptions>): ClientReadableStream<StreamPodSandboxMetricsResponse>;
    streamPodSandboxMetrics(request: StreamPodSandboxMetricsRequest, metadata?: Metadata, options?: Partial<CallOptions>): ClientReadableStream<StreamPodSandboxMetricsResponse>;
    /** Settings that the kubelet has to follow. They stay as they are for the kubelet's life. */
    runtimeConfig(request: RuntimeConfigRequest, callback: (error: ServiceError | null, response: RuntimeConfigResponse) => void): ClientUnaryCall;
    runtimeConfig(request: RuntimeConfigRequest, metadata: Metadata, callback: (error: ServiceError | null, response: RuntimeConfigResponse) => void): ClientUnaryCall;
    runtimeConfig(request: RuntimeConfigRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: RuntimeConfigResponse) => void): ClientUnaryCall;
    /** Tells the runtime of pod limits that the kubelet has already written to the cgroup. */
    updatePodSandboxResources(request: UpdatePodSandboxResourcesRequest, callback: (error: ServiceError | null, response: UpdatePodSandboxResourcesResponse) => void): ClientUnaryCall;
    updatePodSandboxResources(request: UpdatePodSandboxResourcesRequest, metadata: Metadata, callback: (error: ServiceError | null, response: UpdatePodSandboxResourcesResponse) => void): ClientUnaryCall;
    updatePodSandboxResources(request: UpdatePodSandboxResourcesRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: UpdatePodSandboxResourcesResponse) => void): ClientUnaryCall;
}
export declare const RuntimeServiceClient: {
    new (address: string, credentials: ChannelCredentials, options?: Partial<ClientOptions>): RuntimeServiceClient;
    service: typeof RuntimeServiceService;
    serviceName: string;
};
/** Images on the node. */
export type ImageServiceService = typeof ImageServiceService;
export declare const ImageServiceService: {
    /** The images on the node, each once. */
    readonly listImages: {
        readonly path: "/runtime.v1.ImageService/ListImages";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: ListImagesRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => ListImagesRequest;
        readonly responseSerialize: (value: ListImagesResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => ListImagesResponse;
    };
    /** As ListImages, in several messages of one item or more each. */
    readonly streamImages: {
        readonly path: "/runtime.v1.ImageService/StreamImages";
        readonly requestStream: false;
        readonly responseStream: true;
        readonly requestSerialize: (value: StreamImagesRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => StreamImagesRequest;
        readonly responseSerialize: (value: StreamImagesResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => StreamImagesResponse;
    };
    /** One image; the answer is empty where the node does not have it. */
    readonly imageStatus: {
        readonly path: "/runtime.v1.ImageService/ImageStatus";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: ImageStatusRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => ImageStatusRequest;
        readonly responseSerialize: (value: ImageStatusResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => ImageStatusResponse;
    };
    /** Fetches an image; the answer names it by its id. */
    readonly pullImage: {
        readonly path: "/runtime.v1.ImageService/PullImage";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: PullImageRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => PullImageRequest;
        readonly responseSerialize: (value: PullImageResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => PullImageResponse;
    };
    /** Removes an image with all its tags and digests. May be repeated; an unknown image is no error. */
    readonly removeImage: {
        readonly path: "/runtime.v1.ImageService/RemoveImage";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: RemoveImageRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => RemoveImageRequest;
        readonly responseSerialize: (value: RemoveImageResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => RemoveImageResponse;
    };
    /** Use of the filesystems that hold images and containers. */
    readonly imageFsInfo: {
        readonly path: "/runtime.v1.ImageService/ImageFsInfo";
        readonly requestStream: false;
        readonly responseStream: false;
        readonly requestSerialize: (value: ImageFsInfoRequest) => Buffer;
        readonly requestDeserialize: (value: Buffer) => ImageFsInfoRequest;
        readonly responseSerialize: (value: ImageFsInfoResponse) => Buffer;
        readonly responseDeserialize: (value: Buffer) => ImageFsInfoResponse;
    };
};
export interface ImageServiceServer extends UntypedServiceImplementation {
    /** The images on the node, each once. */
    listImages: handleUnaryCall<ListImagesRequest, ListImagesResponse>;
    /** As ListImages, in several messages of one item or more each. */
    streamImages: handleServerStreamingCall<StreamImagesRequest, StreamImagesResponse>;
    /** One image; the answer is empty where the node does not have it. */
    imageStatus: handleUnaryCall<ImageStatusRequest, ImageStatusResponse>;
    /** Fetches an image; the answer names it by its id. */
    pullImage: handleUnaryCall<PullImageRequest, PullImageResponse>;
    /** Removes an image with all its tags and digests. May be repeated; an unknown image is no error. */
    removeImage: handleUnaryCall<RemoveImageRequest, RemoveImageResponse>;
    /** Use of the filesystems that hold images and containers. */
    imageFsInfo: handleUnaryCall<ImageFsInfoRequest, ImageFsInfoResponse>;
}
export interface ImageServiceClient extends Client {
    /** The images on the node, each once. */
    listImages(request: ListImagesRequest, callback: (error: ServiceError | null, response: ListImagesResponse) => void): ClientUnaryCall;
    listImages(request: ListImagesRequest, metadata: Metadata, callback: (error: ServiceError | null, response: ListImagesResponse) => void): ClientUnaryCall;
    listImages(request: ListImagesRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: ListImagesResponse) => void): ClientUnaryCall;
    /** As ListImages, in several messages of one item or more each. */
    streamImages(request: StreamImagesRequest, options?: Partial<CallOptions>): ClientReadableStream<StreamImagesResponse>;
    streamImages(request: StreamImagesRequest, metadata?: Metadata, options?: Partial<CallOptions>): ClientReadableStream<StreamImagesResponse>;
    /** One image; the answer is empty where the node does not have it. */
    imageStatus(request: ImageStatusRequest, callback: (error: ServiceError | null, response: ImageStatusResponse) => void): ClientUnaryCall;
    imageStatus(request: ImageStatusRequest, metadata: Metadata, callback: (error: ServiceError | null, response: ImageStatusResponse) => void): ClientUnaryCall;
    imageStatus(request: ImageStatusRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: ImageStatusResponse) => void): ClientUnaryCall;
    /** Fetches an image; the answer names it by its id. */
    pullImage(request: PullImageRequest, callback: (error: ServiceError | null, response: PullImageResponse) => void): ClientUnaryCall;
    pullImage(request: PullImageRequest, metadata: Metadata, callback: (error: ServiceError | null, response: PullImageResponse) => void): ClientUnaryCall;
    pullImage(request: PullImageRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: PullImageResponse) => void): ClientUnaryCall;
    /** Removes an image with all its tags and digests. May be repeated; an unknown image is no error. */
    removeImage(request: RemoveImageRequest, callback: (error: ServiceError | null, response: RemoveImageResponse) => void): ClientUnaryCall;
    removeImage(request: RemoveImageRequest, metadata: Metadata, callback: (error: ServiceError | null, response: RemoveImageResponse) => void): ClientUnaryCall;
    removeImage(request: RemoveImageRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: RemoveImageResponse) => void): ClientUnaryCall;
    /** Use of the filesystems that hold images and containers. */
    imageFsInfo(request: ImageFsInfoRequest, callback: (error: ServiceError | null, response: ImageFsInfoResponse) => void): ClientUnaryCall;
    imageFsInfo(request: ImageFsInfoRequest, metadata: Metadata, callback: (error: ServiceError | null, response: ImageFsInfoResponse) => void): ClientUnaryCall;
    imageFsInfo(request: ImageFsInfoRequest, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: ImageFsInfoResponse) => void): ClientUnaryCall;
}
export declare const ImageServiceClient: {
    new (address: string, credentials: ChannelCredentials, options?: Partial<ClientOptions>): ImageServiceClient;
    service: typeof ImageServiceService;
    serviceName: string;
};
type Builtin = Date | Function | Uint8Array | string | number | boolean | bigint | undefined;
export type DeepPartial<T> = T extends bigint ? string | number | bigint : T extends Builtin ? T : T extends globalThis.Array<infer U> ? globalThis.Array<DeepPartial<U>> : T extends ReadonlyArray<infer U> ? ReadonlyArray<DeepPartial<U>> : T extends {} ? {
    [K in keyof T]?: DeepPartial<T[K]>;
} : Partial<T>;
export interface MessageFns<T> {
    encode(message: T, writer?: BinaryWriter): BinaryWriter;
    decode(input: BinaryReader | Uint8Array, length?: number): T;
    create(base?: DeepPartial<T>): T;
    fromPartial(object: DeepPartial<T>): T;
}
export {};
