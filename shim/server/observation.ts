// SPDX-License-Identifier: Apache-2.0
import type { RuntimeServiceService } from '../../cri-proto/index.ts'
import { streamContainers } from '../container/status.ts'
import type { RuntimeNode } from '../node/node.ts'
import { streamPodSandboxes } from '../pod/status.ts'
import { containerStats, listContainerStats, streamContainerStats } from '../stats/container-stats.ts'
import { listMetricDescriptors, listPodSandboxMetrics, streamPodSandboxMetrics } from '../stats/pod-metrics.ts'
import { listPodSandboxStats, podSandboxStats, streamPodSandboxStats } from '../stats/pod-stats.ts'
import type { Handlers } from './grpc.ts'

/** The methods of runtime.v1.RuntimeService that only watch: figures, events, lists in pieces. */
export function observation(node: RuntimeNode) {
  return {
    containerStats: ({ containerId }) => containerStats(node, containerId),
    listContainerStats: ({ filter }) => listContainerStats(node, filter),
    streamContainerStats: ({ filter }) => streamContainerStats(node, filter),
    podSandboxStats: ({ podSandboxId }) => podSandboxStats(node, podSandboxId),
    listPodSandboxStats: ({ filter }) => listPodSandboxStats(node, filter),
    streamPodSandboxStats: ({ filter }) => streamPodSandboxStats(node, filter),

    listMetricDescriptors: () => listMetricDescriptors(),
    listPodSandboxMetrics: () => listPodSandboxMetrics(node),
    streamPodSandboxMetrics: () => streamPodSandboxMetrics(node),

    streamPodSandboxes: ({ filter }) => streamPodSandboxes(node, filter),
    streamContainers: ({ filter }) => streamContainers(node, filter),
    getContainerEvents: (_, { signal }) => node.events.subscribe(signal),
  } satisfies Handlers<typeof RuntimeServiceService>
}
