// SPDX-License-Identifier: Apache-2.0
import { ContainerEventResponse, ContainerEventType } from '../../cri-proto/index.ts'
import { containerStatusesOf } from '../container/status.ts'
import type { RuntimeNode } from '../node/node.ts'
import { sandboxStatusOf } from '../pod/status.ts'
import { EncodedMessage } from '../server/fragments.ts'
import { type Facts, subscribe } from './channels.ts'

const { CONTAINER_CREATED_EVENT, CONTAINER_STARTED_EVENT, CONTAINER_STOPPED_EVENT, CONTAINER_DELETED_EVENT } =
  ContainerEventType

/**
 * Turns what happens to pods and containers into the events of GetContainerEvents (CRI v1). A fact is published when
 * memory has the new state, so each event carries the statuses as of its moment. The returned function ends it.
 */
export function sendContainerEvents(node: RuntimeNode): () => void {
  const send = (id: string, podId: string, types: readonly ContainerEventType[]): void => {
    if (!node.events.isHeard) return
    for (const type of types) node.events.publish(eventOf(node, id, podId, type))
  }
  const endings = [
    subscribe('ContainerStateChanged', (fact) => send(fact.id, fact.podId, containerEvents(node, fact))),
    subscribe('SandboxStateChanged', (fact) => send(fact.id, fact.id, sandboxEvents(node, fact))),
  ]
  return () => {
    for (const end of endings) end()
  }
}

function containerEvents(
  { objects }: RuntimeNode,
  { id, from, to }: Facts['ContainerStateChanged'],
): readonly ContainerEventType[] {
  const record = objects.containers.get(id)?.record
  switch (to) {
    case 'created':
      return [CONTAINER_CREATED_EVENT]
    case 'running':
      return [CONTAINER_STARTED_EVENT]
    case 'exited':
      // One that is removed without having run does not stop; the next event says that it is gone.
      if (record?.state !== 'exited') return []
      // It ended before its start was told; one that could not be started never started.
      if (from === 'created' && record.reason !== 'StartError')
        return [CONTAINER_STARTED_EVENT, CONTAINER_STOPPED_EVENT]
      return [CONTAINER_STOPPED_EVENT]
    case 'removed':
      return [CONTAINER_DELETED_EVENT]
    default:
      return []
  }
}

function sandboxEvents(
  { objects }: RuntimeNode,
  { id, from, to }: Facts['SandboxStateChanged'],
): readonly ContainerEventType[] {
  switch (to) {
    case 'ready':
      return [CONTAINER_CREATED_EVENT, CONTAINER_STARTED_EVENT]
    case 'notready':
      if (objects.sandboxes.get(id)?.record.state !== 'notready') return []
      // A pod that failed, and stays visible until its network is released.
      return from === 'none' ? [CONTAINER_CREATED_EVENT, CONTAINER_STOPPED_EVENT] : [CONTAINER_STOPPED_EVENT]
    case 'removed':
      return [CONTAINER_DELETED_EVENT]
    default:
      return []
  }
}

function eventOf(node: RuntimeNode, id: string, podId: string, type: ContainerEventType): EncodedMessage {
  const sandbox = node.objects.sandboxes.get(podId)
  const event: ContainerEventResponse = {
    containerId: id,
    containerEventType: type,
    createdAt: node.now(),
    podSandboxStatus: sandbox && sandboxStatusOf(sandbox.record),
    containersStatuses: containerStatusesOf(node, podId),
  }
  return new EncodedMessage(Buffer.from(ContainerEventResponse.encode(event).finish()))
}
