// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ListMetricDescriptorsResponse, ListPodSandboxMetricsResponse } from '../../cri-proto/index.ts'
import { listMetricDescriptors } from '../stats/pod-metrics.ts'
import { TwoRuntimes } from './testing/bench-of-two.ts'

const NAME = 'container_cpu_usage_seconds_total'
const own = listMetricDescriptors().descriptors.find(({ name }) => name === NAME)?.labelKeys ?? []

test('a metric that both describe is described once, and our values follow its labels', async () => {
  const values = own.map((key) => `value of ${key}`)
  await using two = await TwoRuntimes.start({
    runtime: {
      listMetricDescriptors,
      listPodSandboxMetrics: () =>
        ListPodSandboxMetricsResponse.fromPartial({
          podMetrics: [{ podSandboxId: 'ours', metrics: [{ name: NAME, labelValues: values }] }],
        }),
    },
  })
  const labelKeys = ['of their own', ...own.toReversed()]
  const theirs = ListMetricDescriptorsResponse.fromPartial({
    descriptors: [
      { name: NAME, labelKeys },
      { name: 'theirs', labelKeys: [] },
    ],
  })
  two.upstream.on('ListMetricDescriptors', () => ({
    messages: [Buffer.from(ListMetricDescriptorsResponse.encode(theirs).finish())],
  }))
  two.upstream.on('ListPodSandboxMetrics', () => ({}))
  const { podMetrics } = await two.client.runtime.listPodSandboxMetrics({})
  assert.equal(podMetrics[0]?.metrics[0]?.labelValues, ['', ...values.toReversed()])
  const { descriptors } = await two.client.runtime.listMetricDescriptors({})
  assert.is(descriptors.length, listMetricDescriptors().descriptors.length + 1)
  assert.equal(descriptors.find(({ name }) => name === NAME)?.labelKeys, labelKeys)
})

test('of a runtime without pod metrics ours are there', async () => {
  await using two = await TwoRuntimes.start({
    runtime: {
      listMetricDescriptors,
      listPodSandboxMetrics: () =>
        ListPodSandboxMetricsResponse.fromPartial({ podMetrics: [{ podSandboxId: 'ours' }] }),
    },
  })
  const { podMetrics } = await two.client.runtime.listPodSandboxMetrics({})
  assert.equal(
    podMetrics.map(({ podSandboxId }) => podSandboxId),
    ['ours'],
  )
  assert.ok((await two.client.runtime.listMetricDescriptors({})).descriptors.length > 0)
})

test.run()
