// SPDX-License-Identifier: Apache-2.0
import {
  PodSandboxAttributes,
  PodSandboxStats,
  type PodSandboxStatsFilter,
  type PodSandboxStatsResponse,
} from '../../cri-proto/index.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import type { RuntimeNode } from '../node/node.ts'
import { matchesLabels } from '../node/view.ts'
import type { Sandbox, SandboxRecord } from '../pod/sandbox.ts'
import { chunked, EncodedMessage, listItem } from '../server/fragments.ts'
import { type Measured, measure, statsOf } from './container-stats.ts'
import { type CgroupUsage, cgroupUsage, networkUsage, processUsage, summedUsage } from './cri.ts'
import { podTargetOf, targetOf } from './node-stats.ts'
import { countProcesses } from './processes.ts'
import type { Sample } from './sampler.ts'
import { Turns } from './turns.ts'

/**
 * PodSandboxStats (CRI v1).
 *
 * @throws GantryError `not_found`; `unavailable` for a pod that is not ready, as containerd has it.
 */
export async function podSandboxStats(node: RuntimeNode, id: string): Promise<PodSandboxStatsResponse> {
  const sandbox = node.objects.sandbox(id)
  const { record } = sandbox
  if (record.state !== 'ready') {
    throw new GantryError('unavailable', {
      action: 'read stats of sandbox',
      subject: record.id,
      reason: `it is ${record.state}, expected ready`,
    })
  }
  const [measured] = await measurePods(node, [sandbox])
  return { stats: measured && podStatsOf(node, measured) }
}

/** ListPodSandboxStats (CRI v1): of the ready pods among those asked for. */
export async function listPodSandboxStats(
  node: RuntimeNode,
  filter: PodSandboxStatsFilter | undefined,
): Promise<EncodedMessage> {
  return new EncodedMessage(Buffer.concat(await encodedStats(node, filter)))
}

/** StreamPodSandboxStats (CRI v1). */
export async function* streamPodSandboxStats(
  node: RuntimeNode,
  filter: PodSandboxStatsFilter | undefined,
): AsyncGenerator<EncodedMessage> {
  yield* chunked(await encodedStats(node, filter))
}

/** A pod with the figures of its containers and, where it has a cgroup to itself, its own. */
export interface MeasuredPod {
  readonly sandbox: Sandbox
  readonly own: Sample | undefined
  readonly containers: readonly Measured[]
}

/** Reads pods and their running containers. */
export async function measurePods(node: RuntimeNode, sandboxes: readonly Sandbox[]): Promise<MeasuredPod[]> {
  const targets = new Map(sandboxes.map((sandbox) => [sandbox, podTargetOf(node.objects, sandbox)]))
  const wanted = new Set(sandboxes.map(({ record }) => record.id))
  const containers = [...node.objects.containers.values()].filter(({ record }) => wanted.has(record.sandboxId))
  // Pods after their containers: a whole is not to be less than its parts.
  const byPod = Map.groupBy(await measure(node, containers), ({ container }) => container.record.sandboxId)
  const owns = await node.stats.sampler.read([...targets.values()].flatMap((target) => target ?? []))
  return sandboxes.map((sandbox) => ({
    sandbox,
    own: owns.get(targets.get(sandbox)?.path ?? ''),
    containers: byPod.get(sandbox.record.id) ?? [],
  }))
}

/** Ready pods that a filter selects. */
export function selectPods(node: RuntimeNode, filter: PodSandboxStatsFilter | undefined): Sandbox[] {
  let found = [...node.objects.sandboxes.values()]
  if (filter?.id) {
    const one = node.objects.findSandbox(filter.id)
    found = one === undefined ? [] : [one]
  } else node.stats.tidy()
  return found.filter(
    ({ record }) => record.state === 'ready' && matchesLabels(record.config.labels, filter?.labelSelector),
  )
}

async function encodedStats(node: RuntimeNode, filter: PodSandboxStatsFilter | undefined): Promise<Buffer[]> {
  const turns = new Turns()
  const items: Buffer[] = []
  for (const measured of await measurePods(node, selectPods(node, filter))) {
    if (turns.due) await turns.yield()
    items.push(listItem(PodSandboxStats.encode(podStatsOf(node, measured)).finish()))
  }
  return items
}

function podStatsOf(node: RuntimeNode, { sandbox, own, containers }: MeasuredPod): PodSandboxStats {
  const timestampNs = node.now()
  const samples = containers.map(({ sample }) => sample)
  const { cpu, memory, io }: CgroupUsage = own === undefined ? summedUsage(samples, timestampNs) : cgroupUsage(own)
  const traffic = node.stats.traffic(sandbox)
  const processes = containers.map(({ container }) => countProcesses(node.stats.host, targetOf(container)?.path ?? ''))
  const linux = {
    ...(cpu && { cpu }),
    ...(memory && { memory }),
    ...(io && { io }),
    ...(traffic && { network: networkUsage(traffic) }),
    process: processUsage(
      timestampNs,
      processes.reduce((total: number, count) => total + (count ?? 0), 0),
    ),
    containers: containers.map(({ container, sample }) => statsOf(node, container.record, sample)),
  }
  return { attributes: attributesOf(sandbox.record), linux }
}

function attributesOf({ id, config }: SandboxRecord): PodSandboxAttributes {
  const { metadata, labels, annotations } = config
  return PodSandboxAttributes.create({ id, metadata, labels, annotations })
}
