// SPDX-License-Identifier: Apache-2.0
import {
  PodSandbox,
  type PodSandboxFilter,
  PodSandboxState,
  PodSandboxStatus,
  type PodSandboxStatusResponse,
} from '../../cri-proto/index.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import { containerStatusesOf } from '../container/status.ts'
import type { RuntimeNode } from '../node/node.ts'
import { matchesLabels, toJson } from '../node/view.ts'
import { type EncodedMessage, Fragments } from '../server/fragments.ts'
import { criSandboxState, type Sandbox, type SandboxRecord } from './sandbox.ts'

/** PodSandboxStatus (CRI v1), from memory. */
export function podSandboxStatus(node: RuntimeNode, id: string, verbose: boolean): PodSandboxStatusResponse {
  const sandbox = node.objects.sandbox(id)
  const status = sandboxStatusOf(sandbox.record)
  if (status === undefined) throw new GantryError('not_found', { action: 'find sandbox', subject: id })
  return {
    status,
    info: verbose ? { info: toJson(infoOf(sandbox)) } : {},
    // For a kubelet that lives on events: it need not ask for each container then.
    containersStatuses: containerStatusesOf(node, sandbox.record.id),
    timestamp: node.now(),
  }
}

/** A sandbox as the CRI shows it; undefined while it is being made. */
export function sandboxStatusOf(record: SandboxRecord): PodSandboxStatus | undefined {
  const state = criSandboxState(record.state)
  if (state === undefined) return undefined
  const [ip = '', ...additional] = record.ips
  const options = record.config.linux?.securityContext?.namespaceOptions
  return PodSandboxStatus.fromPartial({
    id: record.id,
    ...(record.config.metadata === undefined ? {} : { metadata: record.config.metadata }),
    state,
    createdAt: record.createdAtNs,
    network: { ip, additionalIps: additional.map((address) => ({ ip: address })) },
    linux: { namespaces: options === undefined ? {} : { options } },
    labels: record.config.labels,
    annotations: record.config.annotations,
    runtimeHandler: record.runtimeHandler,
  })
}

const fragments = new Fragments((record: SandboxRecord) => PodSandbox.encode(listed(record)).finish())

/** ListPodSandbox (CRI v1), from memory. */
export function listPodSandboxes(node: RuntimeNode, filter: PodSandboxFilter | undefined): EncodedMessage {
  return fragments.join(select(node, filter))
}

/** StreamPodSandboxes (CRI v1): the list as it is now, in pieces. */
export function streamPodSandboxes(node: RuntimeNode, filter: PodSandboxFilter | undefined): Iterable<EncodedMessage> {
  return fragments.chunks(select(node, filter))
}

function select(node: RuntimeNode, filter: PodSandboxFilter | undefined): SandboxRecord[] {
  const one = filter?.id ? node.objects.findSandbox(filter.id) : undefined
  const candidates = filter?.id ? (one === undefined ? [] : [one]) : [...node.objects.sandboxes.values()]
  const wanted = filter?.state?.state
  return candidates.flatMap(({ record }) => {
    const state = criSandboxState(record.state)
    if (state === undefined || (wanted !== undefined && state !== wanted)) return []
    return matchesLabels(record.config.labels, filter?.labelSelector) ? [record] : []
  })
}

function listed({ id, state, createdAtNs, runtimeHandler, config }: SandboxRecord): PodSandbox {
  const { metadata, labels, annotations } = config
  const shown = criSandboxState(state) ?? PodSandboxState.SANDBOX_NOTREADY
  return { id, metadata, state: shown, createdAt: createdAtNs, labels, annotations, runtimeHandler }
}

function infoOf({ record, pod }: Sandbox): object {
  return {
    pid: pod?.keeperPid ?? 0,
    netNamespaceClosed: pod?.namespacePaths.network === undefined,
    namespaces: pod?.namespacePaths ?? {},
    runtimeType: 'gantry',
    config: record.config,
    overhead: record.updated?.overhead ?? record.config.linux?.overhead,
    resources: record.updated?.resources ?? record.config.linux?.resources,
  }
}
