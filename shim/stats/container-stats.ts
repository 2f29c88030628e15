// SPDX-License-Identifier: Apache-2.0
import {
  ContainerAttributes,
  ContainerStats,
  type ContainerStatsFilter,
  type ContainerStatsResponse,
} from '../../cri-proto/index.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import type { Container, ContainerRecord } from '../container/container.ts'
import type { RuntimeNode } from '../node/node.ts'
import { matchesLabels } from '../node/view.ts'
import { chunked, EncodedMessage, listItem } from '../server/fragments.ts'
import { cgroupUsage, layerUsage } from './cri.ts'
import { targetOf } from './node-stats.ts'
import type { Sample } from './sampler.ts'

/** A layer that takes longer to measure is told by a later answer, or as it was. */
const LAYER_PATIENCE_MS = 1000
/** A list, which is asked for all the time, waits less. */
const LIST_PATIENCE_MS = 250

/**
 * ContainerStats (CRI v1).
 *
 * @throws GantryError `not_found`; `failed_precondition` for a container that is not running.
 */
export async function containerStats(node: RuntimeNode, id: string): Promise<ContainerStatsResponse> {
  const container = node.objects.container(id)
  const target = requireRunning(container)
  const upper = container.record.rootfs?.upperdir
  const measured = upper === undefined ? undefined : node.stats.layers.renewed([upper], LAYER_PATIENCE_MS)
  const [samples] = await Promise.all([node.stats.sampler.read([target]), measured])
  const sample = samples.get(target.path)
  if (sample === undefined) throw notRunning(container)
  return { stats: ContainerStats.fromPartial(statsOf(node, container.record, sample)) }
}

/** ListContainerStats (CRI v1): of the running containers among those asked for. */
export async function listContainerStats(
  node: RuntimeNode,
  filter: ContainerStatsFilter | undefined,
): Promise<EncodedMessage> {
  return new EncodedMessage(Buffer.concat(await encodedStats(node, filter)))
}

/** StreamContainerStats (CRI v1). */
export async function* streamContainerStats(
  node: RuntimeNode,
  filter: ContainerStatsFilter | undefined,
): AsyncGenerator<EncodedMessage> {
  yield* chunked(await encodedStats(node, filter))
}

/** A container with its figures of just now. */
export interface Measured {
  readonly container: Container
  readonly sample: Sample
}

/**
 * Reads running containers; those that end meanwhile are left out. Their writable layers are as of now where that can
 * be had: a kubelet under disk pressure evicts by these figures, once, and would evict the wrong pod by old ones.
 */
export async function measure(node: RuntimeNode, containers: readonly Container[]): Promise<Measured[]> {
  const { layers, sampler } = node.stats
  const running = containers.filter(({ record }) => record.state === 'running')
  const uppers = running.flatMap(({ record }) => record.rootfs?.upperdir ?? [])
  const [samples] = await Promise.all([
    sampler.read(running.flatMap((container) => targetOf(container) ?? [])),
    layers.renewed(uppers, LIST_PATIENCE_MS),
  ])
  return running.flatMap((container) => {
    const sample = samples.get(targetOf(container)?.path ?? '')
    return sample === undefined ? [] : [{ container, sample }]
  })
}

/** One container's figures as the CRI has them. */
export function statsOf(node: RuntimeNode, record: ContainerRecord, sample: Sample): ContainerStats {
  const layer = node.stats.layers.last(record.rootfs?.upperdir ?? '')
  return {
    attributes: attributesOf(record),
    ...cgroupUsage(sample),
    ...(layer && { writableLayer: layerUsage(layer, node.stats.layersMountpoint) }),
  }
}

async function encodedStats(node: RuntimeNode, filter: ContainerStatsFilter | undefined): Promise<Buffer[]> {
  const measured = await measure(node, select(node, filter))
  return measured.map(({ container, sample }) =>
    listItem(ContainerStats.encode(statsOf(node, container.record, sample)).finish()),
  )
}

function select(node: RuntimeNode, filter: ContainerStatsFilter | undefined): Container[] {
  let found = [...node.objects.containers.values()]
  if (filter?.id) {
    const one = node.objects.findContainer(filter.id)
    found = one === undefined ? [] : [one]
  } else node.stats.tidy()
  if (filter?.podSandboxId) {
    const sandbox = node.objects.findSandbox(filter.podSandboxId)
    found = found.filter(({ record }) => record.sandboxId === sandbox?.record.id)
  }
  return found.filter(({ record }) => matchesLabels(record.config.labels, filter?.labelSelector))
}

function attributesOf({ id, config }: ContainerRecord): ContainerAttributes {
  const { metadata, labels, annotations } = config
  return ContainerAttributes.create({ id, metadata, labels, annotations })
}

function requireRunning(container: Container) {
  const target = container.record.state === 'running' ? targetOf(container) : undefined
  if (target === undefined) throw notRunning(container)
  return target
}

function notRunning({ record }: Container): GantryError {
  return new GantryError('failed_precondition', {
    action: 'read stats of container',
    subject: record.id,
    reason: record.state === 'running' ? 'it is ending' : `it is ${record.state}, expected running`,
  })
}
