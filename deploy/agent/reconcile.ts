// SPDX-License-Identifier: Apache-2.0
import {
  activate,
  activeDeployment,
  type Deployment,
  isSame,
  type Outcome,
  readRecord,
  recordEndpointTry,
  resume,
} from '../node/activate.ts'
import { askDaemon, METRICS_SOCKET } from '../node/health.ts'
import type { Host } from '../node/host.ts'
import { endpointState, keepEndpoint, restoreEndpoint, tryEndpoint } from '../node/kubelet.ts'
import { installedVersion, installRelease, pruneReleases } from '../node/releases.ts'
import { isOnNode, removeGantry } from '../node/remove.ts'
import { configText } from '../node/service.ts'
import type { Cluster, NodeCondition } from './cluster.ts'
import type { Settings } from './settings.ts'

/** What an agent works with. Everything it knows beside this stands on the node, so it can be ended at any moment. */
export interface AgentWorld {
  readonly host: Host
  readonly cluster: Cluster
  readonly settings: Settings
  /** The release that the agent came with, as a directory of its own. */
  readonly release: string
  /** Revision of the release in Helm's sense. */
  readonly revision: number
  /** Waits between two looks at the cluster. */
  readonly pause: () => Promise<void>
  readonly nowMs: () => number
}

/** How the node stands after a look at it. */
export interface Progress {
  /** Whether it runs what it should. */
  readonly settled: boolean
  readonly condition: NodeCondition
}

const ENDPOINT = 'unix:///run/gantry/gantry.sock'

/** Looks at the node, takes the next step towards what it should be, and tells the cluster how it stands. */
export async function reconcile(world: AgentWorld): Promise<Progress> {
  const { cluster } = world
  const progress = await step(world)
  await cluster.setCondition(progress.condition)
  if (progress.settled) await cluster.passTurn()
  return progress
}

async function step(world: AgentWorld): Promise<Progress> {
  const { host, cluster, settings, release, revision } = world
  const removal = await cluster.removalRevision()
  if (removal !== undefined && removal >= revision) return remove(world)
  if ((await cluster.readNode()).label === undefined) await cluster.setLabel('false')
  const version = (await installedVersion(host, release)) ?? (await installRelease(host, release))
  const wanted = { version, config: configText({ ...settings.daemon, 'metrics-listen': `unix:${METRICS_SOCKET}` }) }
  return (await runRelease(world, wanted)) ?? (await takeEndpoint(world)) ?? settle(world, wanted)
}

/** Makes the wanted release the one that runs. @returns undefined when it does. */
async function runRelease({ host, cluster, settings }: AgentWorld, wanted: Deployment): Promise<Progress | undefined> {
  const timeoutMs = settings.healthTimeoutSeconds * 1000
  const { trying, failed } = await readRecord(host)
  if (trying === undefined && failed !== undefined && isSame(failed, wanted)) return takenBack(wanted, failed.reason)
  if (trying === undefined && isSame(await activeDeployment(host), wanted)) return undefined
  if (!(await cluster.takeTurn()))
    return waiting('WaitingForTurn', `another node is being changed before ${wanted.version} comes here`)
  const outcome = (await resume(host, timeoutMs)) ?? (await activate(host, wanted, timeoutMs))
  await tell(cluster, wanted, outcome)
  return outcome.kind === 'active' ? undefined : takenBack(wanted, outcome.reason)
}

async function tell(cluster: Cluster, { version }: Deployment, outcome: Outcome): Promise<void> {
  if (outcome.kind === 'active') return cluster.recordEvent('Normal', 'GantryActivated', `release ${version} runs`)
  const now = outcome.back === undefined ? 'nothing runs' : `${outcome.back} runs again`
  await cluster.recordEvent(
    'Warning',
    'GantryTakenBack',
    `release ${version} was taken back: ${outcome.reason}; ${now}`,
  )
  if (outcome.back === undefined) await cluster.setLabel('false')
}

/** Points the kubelet at the daemon, and keeps that when the node is Ready with it. @returns undefined when it is. */
async function takeEndpoint(world: AgentWorld): Promise<Progress | undefined> {
  const { host, cluster, settings } = world
  if (settings.mode === 'install') return undefined
  const { service, revertAfterSeconds } = settings.kubelet
  const state = await endpointState(host, service)
  if (state === 'ours') return undefined
  if (state === 'theirs') {
    if ((await readRecord(host)).endpointTried === true) return waiting('EndpointReverted', revertedText(settings))
    const held = settings.mode === 'primary' ? (await cluster.listPods()).filter(({ staysHere }) => !staysHere) : []
    if (held.length > 0) return waiting('NotDrained', `${held.length} pods would be lost from sight: drain the node`)
    if (!(await cluster.takeTurn())) return waiting('WaitingForTurn', 'another node is being changed')
    await recordEndpointTry(host)
    await tryEndpoint(host, { service, endpoint: ENDPOINT }, revertAfterSeconds)
  }
  return (await becomesReady(world)) ? keep(world) : giveBack(world)
}

async function keep({ host, cluster, settings }: AgentWorld): Promise<undefined> {
  await keepEndpoint(host, settings.kubelet.service)
  await cluster.recordEvent('Normal', 'GantryEndpointKept', `the kubelet uses ${ENDPOINT}`)
}

async function giveBack({ host, cluster, settings }: AgentWorld): Promise<Progress> {
  await restoreEndpoint(host, settings.kubelet.service)
  const message = revertedText(settings)
  await cluster.recordEvent('Warning', 'GantryEndpointReverted', message)
  return waiting('EndpointReverted', message)
}

function revertedText({ kubelet }: Settings): string {
  return `the node was not Ready within ${kubelet.revertAfterSeconds} s with ${ENDPOINT}: the kubelet has its old endpoint again`
}

/** Waits for a Ready that the kubelet said after the switch, for as long as the node itself would. */
async function becomesReady({ host, cluster, settings, nowMs, pause }: AgentWorld): Promise<boolean> {
  const { service, revertAfterSeconds } = settings.kubelet
  const since = nowMs()
  while (nowMs() - since < revertAfterSeconds * 1000) {
    // An API server that does not answer is no reason to stop looking.
    const node = await cluster.readNode().catch(() => undefined)
    // The API gives whole seconds.
    if (node?.ready === true && node.heartbeat + 1000 > since) return true
    if ((await endpointState(host, service)) === 'theirs') return false
    await pause()
  }
  return false
}

async function settle({ host, cluster }: AgentWorld, wanted: Deployment): Promise<Progress> {
  const [health, node, { previous }] = await Promise.all([askDaemon(host), cluster.readNode(), readRecord(host)])
  if (!health.ready) {
    if (node.label !== 'false') await cluster.setLabel('false')
    return waiting('DaemonNotReady', health.reason)
  }
  if (!node.ready) return waiting('NodeNotReady', 'the daemon is healthy, the node is not Ready')
  if (node.label !== 'true') await cluster.setLabel('true')
  await pruneReleases(host, new Set([wanted.version, ...(previous === undefined ? [] : [previous.version])]))
  return { settled: true, condition: { status: 'True', reason: 'Running', message: `release ${wanted.version} runs` } }
}

/** Takes Gantry off the node: no new pods of the class, then none at all, then the endpoint, then the files. */
async function remove(world: AgentWorld): Promise<Progress> {
  const { host, cluster, settings } = world
  const gone = { status: 'False', reason: 'Removed', message: 'Gantry has been taken off this node' } as const
  const { label } = await cluster.readNode()
  if (label === undefined && !(await isOnNode(host))) return { settled: true, condition: gone }
  if (label !== 'false') await cluster.setLabel('false')
  const pods = (await cluster.listPods()).filter(({ runtimeClass }) => runtimeClass === settings.runtimeClass)
  for (const pod of pods) await cluster.evict(pod)
  if (pods.length > 0) return waiting('Evicting', `${pods.length} pods of the RuntimeClass are still here`)
  if (!(await cluster.takeTurn())) return waiting('WaitingForTurn', 'Gantry is being taken off another node')
  await restoreEndpoint(host, settings.kubelet.service)
  await removeGantry(host)
  await cluster.recordEvent('Normal', 'GantryRemoved', gone.message)
  // Last: whoever uninstalls waits for it.
  await cluster.setLabel(null)
  return { settled: true, condition: gone }
}

function waiting(reason: string, message: string): Progress {
  return { settled: false, condition: { status: 'False', reason, message } }
}

/** The node is left as it is until another release comes; the agent does not call itself ready, which stops the roll-out. */
function takenBack({ version }: Deployment, reason: string): Progress {
  return waiting('TakenBack', `release ${version} was not healthy: ${reason}`)
}
