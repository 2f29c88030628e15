// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from './api.ts'

// What scenarios read of the objects of Kubernetes' API, field by field as in k8s.io/api/core/v1.

/** `ContainerState`: one of the three is there. */
export interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string }
  readonly running?: { readonly startedAt: string }
  readonly terminated?: {
    readonly exitCode: number
    readonly signal?: number
    readonly reason?: string
    readonly message?: string
    readonly startedAt?: string
    readonly finishedAt?: string
    readonly containerID?: string
  }
}

/** `ContainerStatus`. */
export interface ContainerStatus {
  readonly name: string
  readonly ready: boolean
  readonly started?: boolean
  readonly restartCount: number
  readonly image: string
  readonly imageID: string
  readonly containerID?: string
  readonly state: ContainerState
  readonly lastState: ContainerState
  readonly resources?: ResourceRequirements
  readonly allocatedResources?: Readonly<Record<string, string>>
  readonly user?: {
    readonly linux?: { readonly uid: number; readonly gid: number; readonly supplementalGroups?: number[] }
  }
}

/** `ResourceRequirements`. */
export interface ResourceRequirements {
  readonly limits?: Readonly<Record<string, string>>
  readonly requests?: Readonly<Record<string, string>>
}

/** `PodCondition` and `NodeCondition`. */
export interface Condition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
  readonly lastHeartbeatTime?: string
  readonly lastTransitionTime?: string
}

/** `Pod`. */
export interface Pod extends KubeObject {
  readonly spec: { readonly nodeName?: string }
  readonly status: {
    readonly phase?: string
    readonly reason?: string
    readonly message?: string
    readonly podIP?: string
    readonly hostIP?: string
    readonly qosClass?: string
    readonly conditions?: readonly Condition[]
    readonly initContainerStatuses?: readonly ContainerStatus[]
    readonly containerStatuses?: readonly ContainerStatus[]
    readonly ephemeralContainerStatuses?: readonly ContainerStatus[]
  }
}

/** `Node`. */
export interface Node extends KubeObject {
  readonly status: {
    readonly conditions?: readonly Condition[]
    readonly nodeInfo?: Readonly<Record<string, unknown>>
    readonly images?: readonly { readonly names?: readonly string[]; readonly sizeBytes?: number }[]
    readonly features?: unknown
    readonly runtimeHandlers?: readonly {
      readonly name: string
      readonly features?: Readonly<Record<string, boolean>>
    }[]
  }
}

/** `Event`. */
export interface KubeEvent extends KubeObject {
  readonly reason?: string
  readonly message?: string
  readonly type?: string
  readonly involvedObject: { readonly kind?: string; readonly name?: string }
}

/** A list of anything. */
export interface List<T> {
  readonly items: readonly T[]
}
