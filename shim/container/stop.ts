// SPDX-License-Identifier: Apache-2.0
import { GantryError, hasCode } from '../../runtime-core/errors.ts'
import type { RuntimeNode } from '../node/node.ts'
import type { CallContext } from '../server/grpc.ts'
import type { Container } from './container.ts'
import { endContainer, endedWithin } from './end.ts'

const SIGKILL = 9
const KILL_TIMEOUT_MS = 30_000

/**
 * StopContainer (CRI v1): the stop signal, `timeoutSeconds` of grace, SIGKILL; returns when the process is gone and the
 * status says so. Idempotent; a second call with less grace shortens the wait.
 */
export async function stopContainer(
  node: RuntimeNode,
  id: string,
  timeoutSeconds: bigint,
  { signal }: CallContext,
): Promise<void> {
  const container = node.objects.findContainer(id)
  if (container === undefined || container.record.state !== 'running') return
  if (timeoutSeconds < 0n) {
    throw new GantryError('invalid_argument', {
      action: 'stop container',
      reason: `timeout ${timeoutSeconds} is negative`,
    })
  }
  if (timeoutSeconds > 0n) {
    if (!container.stopping) {
      container.stopping = true
      await send(node, container, container.record.stopSignal.number)
    }
    const patient = abortable(endedWithin(container, Number(timeoutSeconds) * 1000), signal)
    if (await patient) return
  }
  await send(node, container, SIGKILL)
  await abortable(endContainer(container, KILL_TIMEOUT_MS), signal)
}

async function send(node: RuntimeNode, container: Container, signo: number): Promise<void> {
  const pod = node.objects.sandboxes.get(container.record.sandboxId)?.pod
  await pod?.signal(container.record.id, signo).catch((error: unknown) => {
    if (!hasCode(error, 'not_found', 'unavailable')) throw error
  })
}

/** Waits for `work`, or for the caller to go away: the stop goes on, the answer says that it may be under way. */
async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const gone = Promise.withResolvers<never>()
  const onAbort = (): void => {
    gone.reject(new GantryError('cancelled', { action: 'stop container', reason: 'the caller went away' }))
  }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, gone.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
