// SPDX-License-Identifier: Apache-2.0
import {
  type ListMetricDescriptorsResponse,
  type Metric,
  MetricType,
  PodSandboxMetrics,
} from '../../cri-proto/index.ts'
import type { RuntimeNode } from '../node/node.ts'
import { chunked, EncodedMessage, listItem } from '../server/fragments.ts'
import { FAMILIES } from './cadvisor-names.ts'
import { readExtras } from './cgroup-extras.ts'
import type { Measured } from './container-stats.ts'
import { BASE_LABELS, type Figures } from './family.ts'
import { podTargetOf, targetOf } from './node-stats.ts'
import { type MeasuredPod, measurePods, selectPods } from './pod-stats.ts'
import { readProcesses } from './processes.ts'
import { Turns } from './turns.ts'

/** ListMetricDescriptors (CRI v1): always the same, a kubelet asks once. */
export function listMetricDescriptors(): ListMetricDescriptorsResponse {
  const descriptors = FAMILIES.map(({ name, help, labels = [] }) => ({
    name,
    help,
    labelKeys: [...BASE_LABELS, ...labels],
  }))
  return { descriptors }
}

/** ListPodSandboxMetrics (CRI v1), of all ready pods. */
export async function listPodSandboxMetrics(node: RuntimeNode): Promise<EncodedMessage> {
  const items: Buffer[] = []
  for await (const item of encodedMetrics(node)) items.push(item)
  return new EncodedMessage(Buffer.concat(items))
}

/** StreamPodSandboxMetrics (CRI v1). */
export async function* streamPodSandboxMetrics(node: RuntimeNode): AsyncGenerator<EncodedMessage> {
  const items: Buffer[] = []
  for await (const item of encodedMetrics(node)) items.push(item)
  yield* chunked(items)
}

/** Figures of all pods are of one moment; the rest of the work gives way to other calls every few milliseconds. */
async function* encodedMetrics(node: RuntimeNode): AsyncGenerator<Buffer> {
  const turns = new Turns()
  for (const measured of await measurePods(node, selectPods(node, undefined))) {
    if (turns.due) await turns.yield()
    yield listItem(PodSandboxMetrics.encode(await metricsOf(node, measured, turns)).finish())
  }
}

async function metricsOf(node: RuntimeNode, measured: MeasuredPod, turns: Turns): Promise<PodSandboxMetrics> {
  const { record } = measured.sandbox
  const { name: pod = '', namespace = '' } = record.config.metadata ?? {}
  const containerMetrics: PodSandboxMetrics['containerMetrics'] = []
  for (const one of measured.containers) {
    if (turns.due) await turns.yield()
    const { id, config, imageName } = one.container.record
    const cgroup = targetOf(one.container)?.path ?? ''
    const labels = [config.metadata?.name ?? '', cgroup, imageName, id, namespace, pod]
    containerMetrics.push({ containerId: id, metrics: series(await containerFigures(node, one, turns), labels) })
  }
  const cgroup = podTargetOf(node.objects, measured.sandbox)?.path ?? ''
  // As cAdvisor shows a pod's cgroup: no container, no image.
  const labels = ['', cgroup, '', record.id, namespace, pod]
  return { podSandboxId: record.id, metrics: series(podFigures(node, measured), labels), containerMetrics }
}

async function containerFigures(node: RuntimeNode, { container, sample }: Measured, turns: Turns): Promise<Figures> {
  const { stats } = node
  const { spec, pid, startedAtNs, rootfs } = container.record
  const path = targetOf(container)?.path ?? ''
  return {
    timestampNs: sample.timestampNs,
    startedAtNs,
    stats: sample.stats,
    extras: readExtras(stats.host, path, stats.hugePageSizes),
    resources: spec?.linux?.resources ?? {},
    processes: await readProcesses(stats.host, path, pid, turns),
    layer: stats.layers.last(rootfs?.upperdir ?? ''),
    fileSystem: stats.fileSystem.last(),
    deviceName: (major, minor) => stats.devices.nameOf(major, minor),
  }
}

function podFigures(node: RuntimeNode, { sandbox, own }: MeasuredPod): Figures {
  const traffic = node.stats.traffic(sandbox)
  return {
    timestampNs: own?.timestampNs ?? traffic?.timestampNs ?? node.now(),
    startedAtNs: sandbox.record.createdAtNs,
    stats: own?.stats,
    interfaces: traffic?.interfaces,
    deviceName: (major, minor) => node.stats.devices.nameOf(major, minor),
  }
}

/** The series of all families that have a value. */
export function series(figures: Figures, labels: readonly string[]): Metric[] {
  const { timestampNs: timestamp } = figures
  return FAMILIES.flatMap(({ name, type, read }) =>
    read(figures).flatMap(([value, ...own]): Metric[] => {
      if (value === undefined) return []
      const metricType = type === 'counter' ? MetricType.COUNTER : MetricType.GAUGE
      return [{ name, timestamp, metricType, labelValues: [...labels, ...own], value: { value: BigInt(value) } }]
    }),
  )
}
