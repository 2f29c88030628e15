// SPDX-License-Identifier: Apache-2.0
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, hasCode } from '../../runtime-core/errors.ts'
import { KeeperClient } from '../../runtime-core/keeper/client.ts'
import type { ProcessRecord } from '../../runtime-core/keeper/protocol.ts'
import { Pod } from '../../runtime-core/pod.ts'
import { readExitRecord } from '../../runtime-core/state/exit-record.ts'
import { type Container, containerOf } from '../container/container.ts'
import { type ContainerEnd, endOf, recordEnd } from '../container/end.ts'
import { retainLayers } from '../container/image-mounts.ts'
import { removeContainerLocked } from '../container/remove.ts'
import { publish } from '../events/channels.ts'
import type { RuntimeNode } from '../node/node.ts'
import { updateContainer, updateSandbox } from '../node/update.ts'
import { detachNetwork, holdNetns } from '../pod/network.ts'
import { removeSandbox } from '../pod/remove.ts'
import type { Sandbox } from '../pod/sandbox.ts'

/** What peers report for a container whose end nobody saw. */
const UNKNOWN_END = { exitCode: 255, reason: 'Unknown' } as const
const PARALLEL = 16

/**
 * Start-up: there is no other recovery path, and a clean start takes the same one. Records are read, living keepers are
 * found again, what ended meanwhile is recorded, unfinished intents are undone or finished, and what belongs to nobody
 * is removed. Must run before the first request.
 */
export async function recover(node: RuntimeNode): Promise<void> {
  for (const record of node.sandboxTable.all()) node.objects.sandboxes.set(record.id, { record, pod: undefined })
  for (const record of node.containerTable.all()) {
    node.objects.containers.set(record.id, containerOf(record))
    retainLayers(node, record)
  }
  await node.images.recover()
  await inBatches([...node.objects.sandboxes.values()], (sandbox) => recoverSandbox(node, sandbox))
  await removeOrphans(node)
  await removeOrphanRoots(node)
}

async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += PARALLEL) await Promise.all(items.slice(at, at + PARALLEL).map(work))
}

async function recoverSandbox(node: RuntimeNode, sandbox: Sandbox): Promise<void> {
  const { id, state } = sandbox.record
  const found = await Pod.reconnect(id, node.pods)
  sandbox.pod = found?.pod
  holdNetns(sandbox)
  if (found !== undefined) publish('KeeperStarted', { podId: id, pid: found.pod.keeperPid, recovered: true })
  for (const container of node.objects.containersOf(id)) {
    await recoverContainer(node, container, found?.processes ?? [])
  }
  if (state === 'creating') await attempt(node, 'run_pod_sandbox', id, () => undoCreation(node, sandbox))
  else if (state === 'removing') await attempt(node, 'remove_pod_sandbox', id, () => removeSandbox(node, sandbox))
  else if (state === 'ready' && found === undefined) updateSandbox(node, sandbox, { state: 'notready' })
}

/** A step that fails leaves its intent on record: the next start, or the kubelet's next call, tries again. */
async function attempt(
  node: RuntimeNode,
  operation: string,
  subject: string,
  work: () => Promise<void>,
): Promise<void> {
  const started = performance.now()
  const finish = (outcome: 'ok' | 'error', error?: string): void => {
    const durationMs = performance.now() - started
    publish('IntentRolledBack', { operation, subject, durationMs, outcome, ...(error === undefined ? {} : { error }) })
  }
  try {
    await work()
    finish('ok')
  } catch (error) {
    finish('error', String(error))
    node.onLeftover(operation, subject, error)
  }
}

/** A pod that was never ready: DEL with its namespace while that lives, then everything else of it. */
async function undoCreation(node: RuntimeNode, sandbox: Sandbox): Promise<void> {
  try {
    await detachNetwork(node, sandbox, node.config.cniTimeoutMs)
  } catch (error) {
    // Visible as a stopped pod, so that the kubelet removes it and the release is tried again.
    await sandbox.pod?.shutdown()
    sandbox.pod = undefined
    updateSandbox(node, sandbox, { state: 'notready', ips: [] })
    throw error
  }
  await removeSandbox(node, sandbox, { unfinished: true })
}

async function recoverContainer(
  node: RuntimeNode,
  container: Container,
  alive: readonly ProcessRecord[],
): Promise<void> {
  const { id, state } = container.record
  const process = alive.find((candidate) => candidate.id === id)
  if (state === 'creating' || state === 'removing') {
    await attempt(node, `${state === 'creating' ? 'create' : 'remove'}_container`, id, async () => {
      await removeContainerLocked(node, container)
    })
  } else if (process !== undefined && process.exit === undefined) {
    // Started by a call that the crash cut off, or running all along.
    if (state === 'created')
      updateContainer(node, container, { state: 'running', pid: process.pid, startedAtNs: process.startedAtNs })
  } else if (state === 'running' || (state === 'created' && process !== undefined)) {
    recordEnd(node, container, await endMeanwhile(node, container, process))
  }
}

/** How a container ended while the daemon was away: the keeper knows, or its record on disk does. */
async function endMeanwhile(
  node: RuntimeNode,
  { record }: Container,
  process: ProcessRecord | undefined,
): Promise<ContainerEnd> {
  const known = process ?? (await readExitRecord(node.pods.paths.exitRecord(record.sandboxId, record.id)))
  const end = known === undefined ? undefined : endOf(known)
  if (end !== undefined) return end
  const message = 'its keeper ended while the daemon was away; the processes of the pod ended with it'
  return { ...UNKNOWN_END, startedAtNs: record.startedAtNs, finishedAtNs: node.now(), message }
}

/** Writable directories of containers that no record speaks for. */
async function removeOrphanRoots(node: RuntimeNode): Promise<void> {
  for (const name of await listDirectory(node.images.snapshots.root)) {
    if (node.objects.containers.has(name)) continue
    await node.images.snapshots.remove(name)
    publish('LeakFound', { kind: 'directory', subject: join(node.images.snapshots.root, name), removed: true })
  }
}

/** Pod directories without a record: a crash between making one and writing it down, or a database that was removed. */
async function removeOrphans(node: RuntimeNode): Promise<void> {
  const { paths } = node.pods
  const known = new Set([...node.objects.sandboxes.keys()].map((id) => paths.pod(id)))
  for (const name of await listDirectory(paths.pods)) {
    const directory = join(paths.pods, name)
    if (known.has(directory)) continue
    await shutDownKeeper(join(directory, 'keeper.sock'))
    await rm(directory, { recursive: true, force: true })
    publish('LeakFound', { kind: 'directory', subject: directory, removed: true })
  }
}

async function shutDownKeeper(socket: string): Promise<void> {
  try {
    const client = await KeeperClient.connect(socket)
    await client.shutdown()
  } catch (error) {
    if (!hasCode(error, 'unavailable')) throw error
  }
}

async function listDirectory(path: string): Promise<string[]> {
  try {
    return await readdir(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}
