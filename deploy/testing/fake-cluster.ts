// SPDX-License-Identifier: Apache-2.0
import type { Cluster, NodeCondition, NodeView, PodView } from '../agent/cluster.ts'

/** What stands in for the Kubernetes API: one node, whose kubelet says Ready when the test wants it to. */
export class FakeCluster implements Cluster {
  label: string | undefined
  condition: NodeCondition | undefined
  /** As `Warning GantryTakenBack: …`. */
  readonly events: string[] = []
  pods: PodView[] = []
  removal: number | undefined
  /** Whether another node has the turn. */
  busy = false
  hasTurn = false
  ready: () => boolean = () => true

  readNode(): Promise<NodeView> {
    return Promise.resolve({ ready: this.ready(), heartbeat: Date.now(), label: this.label })
  }

  setLabel(value: 'true' | 'false' | null): Promise<void> {
    this.label = value ?? undefined
    return Promise.resolve()
  }

  setCondition(condition: NodeCondition): Promise<void> {
    this.condition = condition
    return Promise.resolve()
  }

  recordEvent(type: string, reason: string, message: string): Promise<void> {
    this.events.push(`${type} ${reason}: ${message}`)
    return Promise.resolve()
  }

  listPods(): Promise<readonly PodView[]> {
    return Promise.resolve(this.pods)
  }

  evict(pod: PodView): Promise<void> {
    this.pods = this.pods.filter(({ name }) => name !== pod.name)
    return Promise.resolve()
  }

  removalRevision(): Promise<number | undefined> {
    return Promise.resolve(this.removal)
  }

  takeTurn(): Promise<boolean> {
    this.hasTurn = !this.busy
    return Promise.resolve(this.hasTurn)
  }

  passTurn(): Promise<void> {
    this.hasTurn = false
    return Promise.resolve()
  }
}
