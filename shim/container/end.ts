// SPDX-License-Identifier: Apache-2.0
import { rm } from 'node:fs/promises'
import { GantryError } from '../../runtime-core/errors.ts'
import type { ProcessRecord } from '../../runtime-core/keeper/protocol.ts'
import { publish } from '../events/channels.ts'
import type { RuntimeNode } from '../node/node.ts'
import { doneWithin } from '../node/patience.ts'
import { updateContainer } from '../node/update.ts'
import type { Container } from './container.ts'

/** Deleting millions of files goes on beside the answer. */
const FREED_PATIENCE_MS = 10_000

/** How a container ended, in the terms of ContainerStatus. */
export interface ContainerEnd {
  readonly startedAtNs: bigint
  readonly finishedAtNs: bigint
  readonly exitCode: number
  readonly reason: string
  readonly message: string
}

/** Reads the end of a container from its keeper's record (facts: cri-semantics §3 "reason"). */
export function endOf({ startedAtNs, exit }: Pick<ProcessRecord, 'startedAtNs' | 'exit'>): ContainerEnd | undefined {
  if (exit === undefined) return undefined
  const reason = exit.oomKilled ? 'OOMKilled' : exit.exitCode === 0 ? 'Completed' : 'Error'
  return { startedAtNs, finishedAtNs: exit.finishedAtNs, exitCode: exit.exitCode, reason, message: '' }
}

/** Records the end of a container and takes its cgroup away. Idempotent. */
export function recordEnd(node: RuntimeNode, container: Container, end: ContainerEnd): void {
  const { record } = container
  if (record.state !== 'running' && record.state !== 'created') return
  const change = { ...end, state: 'exited', pid: 0 } as const
  try {
    updateContainer(node, container, change)
  } catch (error) {
    // It has ended whether that can be written down or not; the keeper's own record tells the next start.
    container.record = { ...record, ...change }
    node.onLeftover('container record', record.id, error)
  }
  if (end.reason === 'OOMKilled') publish('OomKilled', { containerId: record.id, podId: record.sandboxId })
  container.ended.resolve()
  removeContainerCgroup(node, container).catch((error: unknown) => node.onLeftover('cgroup', record.id, error))
}

/** Removes a container's cgroup; a missing one is fine. */
export async function removeContainerCgroup(node: RuntimeNode, container: Container): Promise<void> {
  const { record } = container
  if (!container.hasCgroup) return
  const path = record.spec?.linux?.cgroupsPath
  if (path === undefined) return
  await node.cgroups.remove(path)
  container.hasCgroup = false
}

/**
 * Waits until a container has ended.
 *
 * @throws GantryError `deadline_exceeded` when it has not within the time.
 */
export async function endContainer(container: Container, timeoutMs: number): Promise<void> {
  if (!(await endedWithin(container, timeoutMs))) {
    throw new GantryError('deadline_exceeded', {
      action: 'stop container',
      subject: container.record.id,
      reason: `its process ${container.record.pid} did not end within ${timeoutMs} ms of SIGKILL`,
      hint: 'a process in uninterruptible sleep waits for a device or file server',
    })
  }
}

/** Whether a container ends within the time. */
export async function endedWithin(container: Container, timeoutMs: number): Promise<boolean> {
  if (container.record.state !== 'running') return true
  return doneWithin(container.ended.promise, timeoutMs)
}

/**
 * Removes what a container has on disk beside its record. Its space is free on return, unless that takes very long: a
 * kubelet that has evicted a pod looks again at once, and evicts the next where it still sees none.
 */
export async function removeContainerFiles(node: RuntimeNode, { record }: Container): Promise<void> {
  const [{ freed }] = await Promise.all([
    node.images.snapshots.remove(record.id),
    rm(node.pods.paths.bundle(record.sandboxId, record.id), { recursive: true, force: true }),
  ])
  await doneWithin(freed, FREED_PATIENCE_MS)
}
