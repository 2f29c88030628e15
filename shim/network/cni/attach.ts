// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../../runtime-core/errors.ts'
import type { AttachmentCache, CachedAttachment, CacheEntry } from './cache.ts'
import { formatArgs, podArgs } from './capabilities.ts'
import { type NetworkList, parseNetworkList } from './config.ts'
import type { JsonObject } from './json.ts'
import { safeNetns } from './netns-identity.ts'
import {
  type AddProgress,
  addList,
  checkList,
  delList,
  type ListAttachment,
  locatePlugins,
  type Runner,
  undoAdd,
} from './operations.ts'
import { type CniInterface, type CniResult, type IpPreference, pickAddresses } from './result.ts'
import { isAtLeast } from './version.ts'

/** The pod's interface, as every peer names it. */
export const podInterface = 'eth0'

/** A pod's place in a network. */
export interface PodNetworkResult {
  readonly network: string
  readonly ip: string
  readonly additionalIps: readonly string[]
  readonly interfaces: readonly CniInterface[]
  /** The result as the last plugin wrote it. */
  readonly raw: JsonObject
}

/**
 * ADD with its undo: the intent is on record before the first plugin runs, the result before this returns. On failure
 * every plugin that ran gets DEL, with the patience of `undoRunner`; what fails in that is the error's `cleanup`, and
 * then the record stays, for teardown or recovery to try again.
 */
export async function attach(
  cache: AttachmentCache,
  list: NetworkList,
  attachment: CachedAttachment,
  preference: IpPreference,
  runner: Runner,
  undoRunner: () => Runner,
): Promise<PodNetworkResult> {
  const located = await locatePlugins(list, runner.pluginDirs)
  await cache.reserve(attachment)
  const to = listAttachment(attachment, attachment.netnsPath)
  const progress: AddProgress = { attempted: [], result: undefined }
  try {
    const result = await addList(list, located, to, runner, progress)
    const answer = podAnswer(list.name, result, preference)
    await cache.commit({ ...attachment, result: result.raw })
    return answer
  } catch (error) {
    const cleanup = [...(await undoAdd(list, progress, to, undoRunner()))]
    if (cleanup.length === 0) await cache.remove(attachment).catch((failure) => cleanup.push(failure))
    throw withCleanup(error, cleanup)
  }
}

/**
 * DEL with the configuration of ADD, then the record goes. `present` are today's networks: where the record cannot be
 * read, the one of the same name has to do.
 */
export async function detach(
  cache: AttachmentCache,
  { key, attachment }: CacheEntry,
  netnsPath: string | undefined,
  present: readonly NetworkList[],
  runner: Runner,
): Promise<void> {
  const list = attachment === undefined ? present.find(({ name }) => name === key.network) : listOf(attachment)
  // an unreadable record of a network nobody knows any more: nothing could ever use it
  if (list !== undefined) {
    const known = attachment ?? withoutRecord(key.sandboxId, list)
    const path = netnsPath ?? (known.netnsIdentity === undefined ? '' : known.netnsPath)
    const from = listAttachment(known, await safeNetns(path, known.netnsIdentity))
    await delList(list, from, known.result, runner)
  }
  await cache.remove(key)
}

/** CHECK, with the configuration and the result of ADD. Lists that cannot or do not want to be checked pass. */
export async function checkAttachment(
  { key, attachment }: CacheEntry,
  netnsPath: string | undefined,
  runner: Runner,
): Promise<void> {
  if (attachment?.result === undefined) throw notAttached(key.sandboxId)
  const list = listOf(attachment)
  if (list.disableCheck || !isAtLeast(list.cniVersion, '0.4.0')) return
  await checkList(list, listAttachment(attachment, netnsPath ?? attachment.netnsPath), attachment.result, runner)
}

/** The pod's addresses from a final result. Throws internal when its interface has none. */
export function podAnswer(network: string, result: CniResult, preference: IpPreference): PodNetworkResult {
  const addresses = pickAddresses(result, podInterface, preference)
  if (addresses === undefined) {
    const reason = `the result has no address for ${podInterface}`
    throw new GantryError('internal', { action: 'cni ADD to network', subject: network, reason, stage: 'cni_add' })
  }
  return { network, ...addresses, interfaces: result.interfaces, raw: result.raw }
}

/** The error of asking about a pod that has no finished attachment. */
export function notAttached(sandboxId: string): GantryError {
  const reason = 'not attached'
  return new GantryError('failed_precondition', { action: 'check pod network', subject: sandboxId, reason })
}

function listOf(attachment: CachedAttachment): NetworkList {
  return parseNetworkList(attachment.config, `${attachment.network} (cached)`)
}

function listAttachment(attachment: CachedAttachment, netnsPath: string): ListAttachment {
  const { sandboxId, ifName, args, capabilityArgs } = attachment
  return { attachment: { containerId: sandboxId, netnsPath, ifName, args: formatArgs(args) }, capabilityArgs }
}

function withoutRecord(sandboxId: string, list: NetworkList): CachedAttachment {
  return {
    network: list.name,
    sandboxId,
    ifName: podInterface,
    config: list.text,
    netnsPath: '',
    netnsIdentity: undefined,
    args: podArgs({ sandboxId, name: '', namespace: '', uid: '' }),
    capabilityArgs: {},
    result: undefined,
  }
}

function withCleanup(error: unknown, cleanup: readonly unknown[]): unknown {
  if (cleanup.length === 0) return error
  const code = error instanceof GantryError ? error.code : 'internal'
  const stage = error instanceof GantryError && error.stage !== undefined ? { stage: error.stage } : {}
  return new GantryError(code, { action: 'set up pod network', cause: error, cleanup, ...stage })
}
