// SPDX-License-Identifier: Apache-2.0
import {
  ApiException,
  CoordinationV1Api,
  CoreV1Api,
  type KubeConfig,
  PatchStrategy,
  setHeaderOptions,
  type V1Lease,
  V1MicroTime,
  type V1Pod,
} from '@kubernetes/client-node'
import type { Cluster, NodeCondition, NodeView, PodView } from './cluster.ts'

/** By which pods of the RuntimeClass are scheduled; the chart has it too. */
export const NODE_LABEL = 'gantry.example/runtime'
const CONDITION = 'GantryReady'
const COMPONENT = 'gantry-agent'
const MERGE = setHeaderOptions('Content-Type', PatchStrategy.MergePatch)
const STRATEGIC = setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch)

/** Who the agent is. */
export interface Identity {
  readonly node: string
  readonly namespace: string
  /** The name that the chart gives its objects. */
  readonly instance: string
  readonly leaseSeconds: number
}

/** The Kubernetes API by way of @kubernetes/client-node. */
export class KubeCluster implements Cluster {
  readonly #core: CoreV1Api
  readonly #leases: CoordinationV1Api
  readonly #identity: Identity

  constructor(config: KubeConfig, identity: Identity) {
    this.#core = config.makeApiClient(CoreV1Api)
    this.#leases = config.makeApiClient(CoordinationV1Api)
    this.#identity = identity
  }

  async readNode(): Promise<NodeView> {
    const { metadata, status } = await this.#core.readNode({ name: this.#identity.node })
    const ready = status?.conditions?.find(({ type }) => type === 'Ready')
    return {
      ready: ready?.status === 'True',
      heartbeat: ready?.lastHeartbeatTime?.getTime() ?? 0,
      label: metadata?.labels?.[NODE_LABEL],
    }
  }

  async setLabel(value: 'true' | 'false' | null): Promise<void> {
    await this.#core.patchNode(
      { name: this.#identity.node, body: { metadata: { labels: { [NODE_LABEL]: value } } } },
      MERGE,
    )
  }

  async setCondition({ status, reason, message }: NodeCondition): Promise<void> {
    const node = await this.#core.readNode({ name: this.#identity.node })
    const before = node.status?.conditions?.find(({ type }) => type === CONDITION)
    const now = new Date().toISOString()
    // A transition is a change of the status; a heartbeat comes with each look.
    const since = before?.status === status ? (before.lastTransitionTime?.toISOString() ?? now) : now
    const condition = { type: CONDITION, status, reason, message, lastHeartbeatTime: now, lastTransitionTime: since }
    await this.#core.patchNodeStatus(
      { name: this.#identity.node, body: { status: { conditions: [condition] } } },
      STRATEGIC,
    )
  }

  async recordEvent(type: 'Normal' | 'Warning', reason: string, message: string): Promise<void> {
    const { node } = this.#identity
    const now = new Date()
    await this.#core.createNamespacedEvent({
      // Nodes have no namespace; their events stand in this one.
      namespace: 'default',
      body: {
        metadata: { generateName: `${node}.gantry-`, namespace: 'default' },
        // The kubelet's events about a node bear its name as the uid, and kubectl describe looks for that.
        involvedObject: { kind: 'Node', name: node, uid: node, apiVersion: 'v1' },
        type,
        reason,
        message: message.slice(0, 1024),
        source: { component: COMPONENT, host: node },
        firstTimestamp: now,
        lastTimestamp: now,
        count: 1,
      },
    })
  }

  async listPods(): Promise<PodView[]> {
    const fieldSelector = `spec.nodeName=${this.#identity.node},status.phase!=Succeeded,status.phase!=Failed`
    const { items } = await this.#core.listPodForAllNamespaces({ fieldSelector })
    return items.map(viewOf)
  }

  async evict({ namespace, name }: PodView): Promise<void> {
    try {
      await this.#core.createNamespacedPodEviction({ namespace, name, body: { metadata: { namespace, name } } })
    } catch (error) {
      // 404: gone already. 429: its budget allows it later.
      if (!isStatus(error, 404) && !isStatus(error, 429)) throw error
    }
  }

  async removalRevision(): Promise<number | undefined> {
    const { namespace, instance } = this.#identity
    try {
      const { data } = await this.#core.readNamespacedConfigMap({ namespace, name: `${instance}-removal` })
      return Number(data?.['revision'])
    } catch (error) {
      if (isStatus(error, 404)) return undefined
      throw error
    }
  }

  async takeTurn(): Promise<boolean> {
    const { namespace, instance: name, node, leaseSeconds } = this.#identity
    const spec = {
      holderIdentity: node,
      leaseDurationSeconds: leaseSeconds,
      acquireTime: new V1MicroTime(),
      renewTime: new V1MicroTime(),
    }
    try {
      const lease = await this.#readLease()
      if (lease === undefined) {
        await this.#leases.createNamespacedLease({ namespace, body: { metadata: { name, namespace }, spec } })
        return true
      }
      if (isHeldByAnother(lease, node, Date.now())) return false
      // The version that was read goes along: of two who take the turn at once, one is refused.
      await this.#leases.replaceNamespacedLease({ namespace, name, body: { ...lease, spec } })
      return true
    } catch (error) {
      if (isStatus(error, 409)) return false
      throw error
    }
  }

  async passTurn(): Promise<void> {
    const { namespace, instance: name, node } = this.#identity
    const lease = await this.#readLease()
    if (lease?.spec?.holderIdentity !== node) return
    const { holderIdentity: _, ...spec } = lease.spec
    try {
      await this.#leases.replaceNamespacedLease({ namespace, name, body: { ...lease, spec } })
    } catch (error) {
      if (!isStatus(error, 409)) throw error
    }
  }

  async #readLease(): Promise<V1Lease | undefined> {
    const { namespace, instance: name } = this.#identity
    try {
      return await this.#leases.readNamespacedLease({ namespace, name })
    } catch (error) {
      if (isStatus(error, 404)) return undefined
      throw error
    }
  }
}

/** Whether a lease is another's, who has shown a sign of life lately. */
export function isHeldByAnother({ spec }: V1Lease, node: string, now: number): boolean {
  const holder = spec?.holderIdentity ?? ''
  if (holder === '' || holder === node) return false
  return (spec?.renewTime?.getTime() ?? 0) + (spec?.leaseDurationSeconds ?? 0) * 1000 > now
}

function viewOf({ metadata, spec }: V1Pod): PodView {
  const owner = metadata?.ownerReferences?.find(({ controller }) => controller === true)
  return {
    namespace: metadata?.namespace ?? '',
    name: metadata?.name ?? '',
    runtimeClass: spec?.runtimeClassName,
    // The kubelet names itself as the owner of the mirror of a static pod.
    staysHere: owner?.kind === 'DaemonSet' || owner?.kind === 'Node',
  }
}

function isStatus(error: unknown, code: number): boolean {
  return error instanceof ApiException && error.code === code
}
