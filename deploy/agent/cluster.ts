// SPDX-License-Identifier: Apache-2.0

/** What the agent needs of the Kubernetes API, about its own node and nothing else. */
export interface Cluster {
  /** The node as the cluster sees it. */
  readNode(): Promise<NodeView>
  /** Sets the label that pods of the RuntimeClass are scheduled by, or takes it away. */
  setLabel(value: 'true' | 'false' | null): Promise<void>
  setCondition(condition: NodeCondition): Promise<void>
  /** Records an Event about the node. */
  recordEvent(type: 'Normal' | 'Warning', reason: string, message: string): Promise<void>
  /** Pods on the node that have not ended. */
  listPods(): Promise<readonly PodView[]>
  /** Asks for the eviction of a pod; one that a budget protects stays for now. */
  evict(pod: PodView): Promise<void>
  /** The revision of the release that is being uninstalled; undefined where none is. */
  removalRevision(): Promise<number | undefined>
  /** Takes, or keeps, the turn to change a node; false while another node has it. */
  takeTurn(): Promise<boolean>
  /** Gives the turn to whoever is next. */
  passTurn(): Promise<void>
}

export interface NodeView {
  readonly ready: boolean
  /** When the kubelet last said so, milliseconds since the epoch. */
  readonly heartbeat: number
  readonly label: string | undefined
}

export interface NodeCondition {
  readonly status: 'True' | 'False'
  /** One word in CamelCase. */
  readonly reason: string
  readonly message: string
}

export interface PodView {
  readonly namespace: string
  readonly name: string
  readonly runtimeClass: string | undefined
  /** Of a DaemonSet, or static: no eviction moves it elsewhere. */
  readonly staysHere: boolean
}
