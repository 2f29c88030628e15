// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Metric, MetricType, type PodSandboxMetrics } from '../../cri-proto/index.ts'
import { DaemonUnderTest } from '../harness/daemon.ts'
import { IMAGES } from '../harness/suite-images.ts'
import { waitFor } from '../harness/wait.ts'
import { networkedPodConfig, scriptConfig } from '../harness/workloads.ts'

const daemon = await DaemonUnderTest.start({ network: 'bridge', pull: [IMAGES.busybox] })
const { workloads, place } = daemon
const { runtime } = daemon.client
const config = networkedPodConfig(place, 'metrics')
const pod = await workloads.runPod(config)
const MEMORY_LIMIT = 64n << 20n
const resources = { cpuQuota: 50_000n, cpuPeriod: 100_000n, cpuShares: 256n, memoryLimitInBytes: MEMORY_LIMIT }
const script = 'echo x > /written; while :; do :; done'
const container = await workloads.runContainer(pod, scriptConfig('burn', script, { linux: { resources } }), config)
const { descriptors } = daemon.isPeer ? { descriptors: [] } : await runtime.listMetricDescriptors({})
const keysOf = new Map(descriptors.map(({ name, labelKeys }) => [name, labelKeys]))

test.after(() => daemon[Symbol.asyncDispose]())

/** For what the peer of Debian 12 does not serve, or tells only later. */
const own = daemon.isPeer ? test.skip : test

async function metricsOfPod(): Promise<PodSandboxMetrics> {
  const { podMetrics } = await runtime.listPodSandboxMetrics({})
  const found = podMetrics.find(({ podSandboxId }) => podSandboxId === pod)
  if (found === undefined) throw new Error('the pod has no metrics')
  return found
}

async function metricsOfContainer(): Promise<Metric[]> {
  return (await metricsOfPod()).containerMetrics.find(({ containerId }) => containerId === container)?.metrics ?? []
}

/** Labels of a series by their declared keys. */
function labelsOf({ name, labelValues }: Metric): Record<string, string> {
  const keys = keysOf.get(name) ?? []
  assert.is(labelValues.length, keys.length, `${name}: ${labelValues} for ${keys}`)
  return Object.fromEntries(keys.map((key, index) => [key, labelValues[index] ?? '']))
}

const figure = (metrics: readonly Metric[], name: string) => metrics.find((one) => one.name === name)?.value?.value

own('every family is declared once, with help', () => {
  assert.is(keysOf.size, descriptors.length)
  assert.ok(descriptors.every(({ help, name }) => help !== '' && /^container_[a-z_]+$/.test(name)))
})

own('every series belongs to a declared family and has a value for each of its labels', async () => {
  await waitFor('the writable layer is measured', async () => {
    return figure(await metricsOfContainer(), 'container_fs_usage_bytes') !== undefined
  })
  const { metrics, containerMetrics } = await metricsOfPod()
  const all = [...metrics, ...containerMetrics.flatMap((one) => one.metrics)]
  assert.equal(
    all.filter(({ name }) => !keysOf.has(name)).map(({ name }) => name),
    [],
  )
  const series = all.map((one) => `${one.name} ${JSON.stringify(labelsOf(one))}`)
  assert.is(new Set(series).size, series.length)
  assert.ok(all.every(({ timestamp, value }) => timestamp > 0n && value !== undefined))
})

own('a series carries the labels by which dashboards find a container, and a pod', async () => {
  const { metrics, containerMetrics } = await metricsOfPod()
  const one = containerMetrics[0]?.metrics.find(({ name }) => name === 'container_memory_working_set_bytes')
  if (one === undefined) throw new Error('no working set')
  assert.equal(labelsOf(one), {
    container: 'burn',
    id: `${config.linux?.cgroupParent}/${container}`,
    image: IMAGES.busybox,
    name: container,
    namespace: 'suite',
    pod: 'metrics',
  })
  const network = metrics.find(({ name }) => name === 'container_network_receive_bytes_total')
  if (network === undefined) throw new Error('no network')
  const { container: none, interface: device, ...labels } = labelsOf(network)
  assert.equal([none, device, labels['pod'], labels['namespace']], ['', 'eth0', 'metrics', 'suite'])
  assert.is(network.metricType, MetricType.COUNTER)
})

own('processor time grows, and what was asked for is told', async () => {
  const name = 'container_cpu_usage_seconds_total'
  await waitFor('two seconds are used', async () => (figure(await metricsOfContainer(), name) ?? 0n) >= 2n, 60_000)
  const metrics = await metricsOfContainer()
  assert.is(figure(metrics, 'container_spec_memory_limit_bytes'), MEMORY_LIMIT)
  assert.is(figure(metrics, 'container_spec_cpu_quota'), 50_000n)
  assert.is(figure(metrics, 'container_spec_cpu_period'), 100_000n)
  assert.is(figure(metrics, 'container_spec_cpu_shares'), 256n)
  assert.ok((figure(metrics, 'container_cpu_cfs_throttled_periods_total') ?? 0n) > 0n)
  assert.is(figure(metrics, 'container_processes'), 1n)
  assert.is(figure(metrics, 'container_file_descriptors'), 3n)
  const started = Number(figure(metrics, 'container_start_time_seconds'))
  assert.ok(Math.abs(started - Date.now() / 1000) < 300, `started at ${started}`)
})

own('the stream tells the same families', async () => {
  const streamed: PodSandboxMetrics[] = []
  for await (const { podSandboxMetrics } of runtime.streamPodSandboxMetrics({})) {
    assert.ok(podSandboxMetrics.length > 0)
    streamed.push(...podSandboxMetrics)
  }
  const names = (pods: readonly PodSandboxMetrics[]) =>
    pods.flatMap(({ containerMetrics }) => containerMetrics.flatMap(({ metrics }) => metrics.map(({ name }) => name)))
  assert.equal(names(streamed), names([await metricsOfPod()]))
})

test.run()
