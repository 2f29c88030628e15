// SPDX-License-Identifier: Apache-2.0
import { hasCode } from '../../runtime-core/errors.ts'
import { publish } from '../events/channels.ts'
import type { RuntimeNode } from '../node/node.ts'
import { updateContainer } from '../node/update.ts'
import type { Container } from './container.ts'
import { endContainer, removeContainerCgroup, removeContainerFiles } from './end.ts'
import { releaseLayers } from './image-mounts.ts'

const SIGKILL = 9
const KILL_TIMEOUT_MS = 30_000

/** RemoveContainer (CRI v1): kills it if it runs; idempotent, a missing one is a success. Logs stay: they are the kubelet's. */
export async function removeContainer(node: RuntimeNode, id: string): Promise<void> {
  const container = node.objects.findContainer(id)
  if (container !== undefined) {
    await node.locks.run(container.record.id, () => removeContainerLocked(node, container))
  }
}

/** The work of it, for callers that hold the container's lock. */
export async function removeContainerLocked(node: RuntimeNode, container: Container): Promise<void> {
  const { id, sandboxId } = container.record
  if (!node.objects.containers.has(id)) return
  const pod = node.objects.sandboxes.get(sandboxId)?.pod
  if (container.record.state === 'running') {
    await pod?.signal(id, SIGKILL).catch((error: unknown) => {
      if (!hasCode(error, 'not_found', 'unavailable')) throw error
    })
    await endContainer(container, KILL_TIMEOUT_MS)
  }
  updateContainer(node, container, { state: 'removing' })
  const forgotten = pod?.forget(id).catch((error: unknown) => {
    // The pod is being stopped at the same time: its keeper took the record along.
    if (!hasCode(error, 'unavailable')) throw error
  })
  await Promise.all([forgotten, removeContainerCgroup(node, container), removeContainerFiles(node, container)])
  await releaseLayers(node, container.record)
  node.containerTable.remove(id)
  node.objects.containers.delete(id)
  publish('ContainerStateChanged', { id, podId: sandboxId, from: 'exited', to: 'removed' })
}
