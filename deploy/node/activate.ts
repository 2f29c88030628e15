// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../runtime-core/errors.ts'
import { type DaemonHealth, waitForDaemon } from './health.ts'
import { type Host, readHostFile, removeFromHost, writeHostFile } from './host.ts'
import { currentVersion, releaseDirectory, switchTo, switchToNone } from './releases.ts'
import { readConfig, removeService, startService, writeService } from './service.ts'

/**
 * Makes a release the one that runs, and takes that back where its daemon is not healthy. What is under way stands in a
 * file of the node, so whoever was interrupted finds it and goes on.
 */

/** A release with the configuration that it runs with. */
export interface Deployment {
  readonly version: string
  /** Text of gantryd.toml. */
  readonly config: string
}

/** What the node remembers. */
export interface NodeRecord {
  /** Started, not yet found healthy. */
  readonly trying?: Deployment
  /** What ran before, and is gone back to; absent where nothing did. */
  readonly previous?: Deployment
  /** What was taken back, and is not tried again. */
  readonly failed?: Deployment & { readonly reason: string }
  /** The kubelet was given our endpoint with this deployment. Where it has it no more, the node was not Ready with it. */
  readonly endpointTried?: boolean
}

const RECORD_DIRECTORY = '/var/lib/gantry-agent'
const RECORD_FILE = `${RECORD_DIRECTORY}/node.json`

/** How an activation ended. */
export type Outcome =
  | { readonly kind: 'active' }
  /** `back` is the version that runs again; undefined where there was none. */
  | { readonly kind: 'taken-back'; readonly reason: string; readonly back: string | undefined }

/** @throws GantryError `internal` where the file is damaged. */
export async function readRecord(host: Host): Promise<NodeRecord> {
  const text = await readHostFile(host, RECORD_FILE)
  if (text === undefined) return {}
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new GantryError('internal', { action: 'read record of the node', subject: RECORD_FILE, cause })
  }
}

async function writeRecord(host: Host, record: NodeRecord): Promise<void> {
  await writeHostFile(host, RECORD_FILE, `${JSON.stringify(record, undefined, 2)}\n`, 0o600)
}

/** Remembers that the kubelet is given our endpoint; the next activation forgets it. */
export async function recordEndpointTry(host: Host): Promise<void> {
  await writeRecord(host, { ...(await readRecord(host)), endpointTried: true })
}

/** Forgets all of it, with the file. */
export function removeRecord(host: Host): Promise<void> {
  return removeFromHost(host, RECORD_DIRECTORY)
}

/** What runs now, or would after a boot. */
export async function activeDeployment(host: Host): Promise<Deployment | undefined> {
  const version = await currentVersion(host)
  if (version === undefined) return undefined
  return { version, config: (await readConfig(host)) ?? '' }
}

/** Whether two deployments are the same. */
export function isSame(a: Deployment | undefined, b: Deployment | undefined): boolean {
  return a?.version === b?.version && a?.config === b?.config
}

/** Starts a release that is installed, and waits until it is healthy or is taken back. */
export async function activate(host: Host, wanted: Deployment, timeoutMs: number): Promise<Outcome> {
  const previous = await activeDeployment(host)
  await writeRecord(host, { trying: wanted, ...(previous === undefined ? {} : { previous }) })
  await start(host, wanted)
  return judge(host, timeoutMs)
}

/**
 * Goes on with what an interrupted {@link activate} began: waits for the daemon, and keeps the release or takes it back.
 *
 * @returns undefined where nothing was under way.
 */
export async function resume(host: Host, timeoutMs: number): Promise<Outcome | undefined> {
  const { trying } = await readRecord(host)
  if (trying === undefined) return undefined
  // It may have been interrupted before the daemon was started; to start it again does no harm.
  await start(host, trying)
  return judge(host, timeoutMs)
}

async function judge(host: Host, timeoutMs: number): Promise<Outcome> {
  const { trying, previous } = await readRecord(host)
  if (trying === undefined) return { kind: 'active' }
  const health = await waitForDaemon(host, trying.version, timeoutMs)
  const kept = previous === undefined ? {} : { previous }
  if (health.ready) {
    await writeRecord(host, kept)
    return { kind: 'active' }
  }
  return takeBack(host, trying, previous, health, timeoutMs)
}

async function takeBack(
  host: Host,
  failed: Deployment,
  previous: Deployment | undefined,
  { reason }: DaemonHealth,
  timeoutMs: number,
): Promise<Outcome> {
  const back = previous !== undefined && (await isThere(host, previous)) ? previous : undefined
  if (back === undefined) {
    await removeService(host)
    await switchToNone(host)
  } else {
    await start(host, back)
  }
  // Only now: an interruption before this line begins again with the release that failed, and ends here too.
  await writeRecord(host, { failed: { ...failed, reason }, ...(back === undefined ? {} : { previous: back }) })
  if (back !== undefined) await waitForDaemon(host, back.version, timeoutMs)
  return { kind: 'taken-back', reason, back: back?.version }
}

async function isThere(host: Host, { version }: Deployment): Promise<boolean> {
  return (await readHostFile(host, `${releaseDirectory(version)}/release.json`)) !== undefined
}

async function start(host: Host, { version, config }: Deployment): Promise<void> {
  await writeService(host, version, config)
  await switchTo(host, version)
  await startService(host)
}
