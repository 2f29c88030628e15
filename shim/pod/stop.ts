// SPDX-License-Identifier: Apache-2.0
import { GantryError, hasCode } from '../../runtime-core/errors.ts'
import { endContainer } from '../container/end.ts'
import type { RuntimeNode } from '../node/node.ts'
import { updateSandbox } from '../node/update.ts'
import { detachNetwork } from './network.ts'
import type { Sandbox } from './sandbox.ts'

const SIGKILL = 9
/** The kernel has killed by then, or the process hangs in it. */
const KILL_TIMEOUT_MS = 30_000

/**
 * StopPodSandbox (CRI v1): kills the pod's containers, releases its network and namespaces. Idempotent; a release that
 * failed is an error and is tried again by the next call. A missing sandbox is a success.
 */
export async function stopPodSandbox(node: RuntimeNode, id: string): Promise<void> {
  const sandbox = node.objects.findSandbox(id)
  if (sandbox !== undefined) await node.locks.run(sandbox.record.id, () => stopSandbox(node, sandbox))
}

/** The work of it, for callers that hold the sandbox's lock. */
export async function stopSandbox(node: RuntimeNode, sandbox: Sandbox): Promise<void> {
  const { record } = sandbox
  if (record.state === 'creating') {
    throw new GantryError('unavailable', {
      action: 'stop sandbox',
      subject: record.id,
      reason: 'it is still being made',
    })
  }
  // First the state: from here on no container is created or started in it.
  if (record.state === 'ready') updateSandbox(node, sandbox, { state: 'notready' })
  await killContainers(node, sandbox)
  await detachNetwork(node, sandbox, node.config.cniTimeoutMs)
  await endPod(sandbox)
}

/** Ends the keeper, and with it the namespaces and whatever still runs. */
export async function endPod(sandbox: Sandbox): Promise<void> {
  const { pod } = sandbox
  sandbox.pod = undefined
  await pod?.shutdown()
}

async function killContainers(node: RuntimeNode, sandbox: Sandbox): Promise<void> {
  const running = node.objects.containersOf(sandbox.record.id).filter(({ record }) => record.state === 'running')
  await Promise.all(
    running.map(async (container) => {
      await sandbox.pod?.signal(container.record.id, SIGKILL).catch((error: unknown) => {
        // It ended meanwhile, or the keeper did and took it along.
        if (!hasCode(error, 'not_found', 'unavailable')) throw error
      })
      await endContainer(container, KILL_TIMEOUT_MS)
    }),
  )
}
