// SPDX-License-Identifier: Apache-2.0
import type { UpdatePodSandboxResourcesRequest } from '../../cri-proto/index.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import type { RuntimeNode } from '../node/node.ts'
import { updateSandbox } from '../node/update.ts'

/**
 * UpdatePodSandboxResources (CRI v1): notes what the pod may use now. The kubelet has changed the pod's cgroup by the
 * time it calls; verbose PodSandboxStatus tells what was noted.
 *
 * @throws GantryError `not_found`; `failed_precondition` for a pod that is not ready.
 */
export async function updatePodSandboxResources(
  node: RuntimeNode,
  { podSandboxId, overhead, resources }: UpdatePodSandboxResourcesRequest,
): Promise<void> {
  const sandbox = node.objects.sandbox(podSandboxId)
  await node.locks.run(sandbox.record.id, async () => {
    const { id, state, updated } = sandbox.record
    if (state !== 'ready') {
      throw new GantryError('failed_precondition', {
        action: 'update resources of sandbox',
        subject: id,
        reason: `it is ${state}, expected ready`,
      })
    }
    // What is not named stays as it was told before.
    const change = { ...(overhead && { overhead }), ...(resources && { resources }) }
    updateSandbox(node, sandbox, { updated: { ...updated, ...change } })
  })
}
