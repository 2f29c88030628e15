// SPDX-License-Identifier: Apache-2.0
import { rm } from 'node:fs/promises'
import { removeContainerLocked } from '../container/remove.ts'
import { publish } from '../events/channels.ts'
import type { RuntimeNode } from '../node/node.ts'
import { updateSandbox } from '../node/update.ts'
import { removeCgroupParent } from './run.ts'
import type { Sandbox } from './sandbox.ts'
import { endPod, stopSandbox } from './stop.ts'

/** RemovePodSandbox (CRI v1): stops what runs, removes the pod's containers and the pod. Idempotent. */
export async function removePodSandbox(node: RuntimeNode, id: string): Promise<void> {
  const sandbox = node.objects.findSandbox(id)
  if (sandbox !== undefined) await node.locks.run(sandbox.record.id, () => removeSandbox(node, sandbox))
}

/**
 * The work of it; also how a removal that a crash cut short is finished at start, and how a pod that never became ready
 * (`unfinished`, its network already released) is undone.
 */
export async function removeSandbox(
  node: RuntimeNode,
  sandbox: Sandbox,
  { unfinished = false }: { readonly unfinished?: boolean } = {},
): Promise<void> {
  const { id } = sandbox.record
  if (!node.objects.sandboxes.has(id)) return
  if (unfinished) await endPod(sandbox)
  else await stopSandbox(node, sandbox)
  updateSandbox(node, sandbox, { state: 'removing' })
  for (const container of node.objects.containersOf(id)) {
    await node.locks.run(container.record.id, () => removeContainerLocked(node, container))
  }
  await rm(node.pods.paths.pod(id), { recursive: true, force: true })
  await removeCgroupParent(node, sandbox.record)
  node.sandboxTable.remove(id)
  node.objects.sandboxes.delete(id)
  publish('SandboxStateChanged', { id, from: 'notready', to: 'removed' })
}
