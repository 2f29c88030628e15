// SPDX-License-Identifier: Apache-2.0
import {
  type ContainerFilter,
  ContainerState,
  type ContainerStatusResponse,
  Container as CriContainer,
  ContainerStatus as CriContainerStatus,
  ImageSpec,
} from '../../cri-proto/index.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import type { RuntimeNode } from '../node/node.ts'
import { matchesLabels, toJson } from '../node/view.ts'
import { type EncodedMessage, Fragments } from '../server/fragments.ts'
import { criResources } from '../translate/cri-resources.ts'
import { type Container, type ContainerRecord, criContainerState } from './container.ts'

/** ContainerStatus (CRI v1), from memory. */
export function containerStatus(node: RuntimeNode, id: string, verbose: boolean): ContainerStatusResponse {
  const { record } = node.objects.container(id)
  const status = statusOf(record)
  if (status === undefined) throw new GantryError('not_found', { action: 'find container', subject: id })
  return { status, info: verbose ? { info: toJson(infoOf(node, record)) } : {} }
}

/** The containers of a pod as the CRI shows them, those that are being made left out. */
export function containerStatusesOf(node: RuntimeNode, sandboxId: string): CriContainerStatus[] {
  return node.objects.containersOf(sandboxId).flatMap(({ record }) => statusOf(record) ?? [])
}

function statusOf(record: ContainerRecord): CriContainerStatus | undefined {
  const state = criContainerState(record.state)
  if (state === undefined) return undefined
  const user = record.spec?.process?.user
  return CriContainerStatus.fromPartial({
    id: record.id,
    ...(record.config.metadata === undefined ? {} : { metadata: record.config.metadata }),
    state,
    createdAt: record.createdAtNs,
    startedAt: record.startedAtNs,
    finishedAt: record.finishedAtNs,
    exitCode: record.exitCode,
    image: { ...record.config.image, image: record.imageName },
    imageRef: record.imageRef,
    imageId: record.imageId,
    reason: record.reason,
    message: record.message,
    labels: record.config.labels,
    annotations: record.config.annotations,
    mounts: record.config.mounts,
    logPath: record.logPath,
    resources: { linux: criResources(record.spec?.linux?.resources ?? {}, record.spec?.process?.oomScoreAdj) },
    ...(user === undefined ? {} : { user: { linux: userOf(user) } }),
    stopSignal: record.stopSignal.cri,
  })
}

const fragments = new Fragments((record: ContainerRecord) => CriContainer.encode(listed(record)).finish())

/** ListContainers (CRI v1), from memory. */
export function listContainers(node: RuntimeNode, filter: ContainerFilter | undefined): EncodedMessage {
  return fragments.join(matching(node, filter))
}

/** StreamContainers (CRI v1): the list as it is now, in pieces. */
export function streamContainers(node: RuntimeNode, filter: ContainerFilter | undefined): Iterable<EncodedMessage> {
  return fragments.chunks(matching(node, filter))
}

function matching(node: RuntimeNode, filter: ContainerFilter | undefined): ContainerRecord[] {
  const wanted = filter?.state?.state
  return select(node, filter).flatMap(({ record }) => {
    const state = criContainerState(record.state)
    if (state === undefined || (wanted !== undefined && state !== wanted)) return []
    return matchesLabels(record.config.labels, filter?.labelSelector) ? [record] : []
  })
}

function select(node: RuntimeNode, filter: ContainerFilter | undefined): Container[] {
  let found = [...node.objects.containers.values()]
  if (filter?.id) {
    const one = node.objects.findContainer(filter.id)
    found = one === undefined ? [] : [one]
  }
  if (filter?.podSandboxId) {
    const sandbox = node.objects.findSandbox(filter.podSandboxId)
    found = found.filter(({ record }) => record.sandboxId === sandbox?.record.id)
  }
  return found
}

function listed(record: ContainerRecord): CriContainer {
  return {
    id: record.id,
    podSandboxId: record.sandboxId,
    metadata: record.config.metadata,
    image: ImageSpec.fromPartial(record.config.image ?? {}),
    imageRef: record.imageRef,
    state: criContainerState(record.state) ?? ContainerState.CONTAINER_UNKNOWN,
    createdAt: record.createdAtNs,
    labels: record.config.labels,
    annotations: record.config.annotations,
    imageId: record.imageId,
  }
}

function userOf({ uid, gid, additionalGids = [] }: { uid: number; gid: number; additionalGids?: readonly number[] }) {
  return { uid: BigInt(uid), gid: BigInt(gid), supplementalGroups: additionalGids.map((group) => BigInt(group)) }
}

/** What `crictl inspect` and `gantry explain` look for. */
function infoOf(node: RuntimeNode, record: ContainerRecord): object {
  return {
    sandboxID: record.sandboxId,
    pid: record.pid,
    bundle: node.pods.paths.bundle(record.sandboxId, record.id),
    rootfs: record.rootfs,
    runtimeType: 'gantry',
    config: record.config,
    runtimeSpec: record.spec,
  }
}
