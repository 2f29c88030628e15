// SPDX-License-Identifier: Apache-2.0
import { eventually } from '../eventually.ts'
import { expect, IDLE, type Scenario, shell } from '../scenario.ts'
import type { Summary } from './metrics.ts'

/** Families that dashboards read, as cAdvisor names them. */
const FAMILIES = [
  'container_cpu_usage_seconds_total',
  'container_memory_working_set_bytes',
  'container_network_receive_bytes_total',
  'container_fs_usage_bytes',
]

export const statsFromCri: Scenario = {
  name: 'stats-from-cri',
  about: 'with the PodAndContainerStatsFromCRI gate all figures come from the runtime, those of networks too',
  alone: true,
  run: async (workspace, cluster) => {
    await cluster.restartKubelet({ featureGates: { PodAndContainerStatsFromCRI: true } })
    try {
      await workspace.pod('seen', { containers: [shell('main', IDLE)] })
      await workspace.ready('seen')
      let last = ''
      const network = async (): Promise<boolean> => {
        const { pods } = await cluster.nodeApi.get<Summary>('/stats/summary')
        const pod = pods.find(({ podRef }) => podRef.namespace === workspace.namespace)
        last = JSON.stringify(pod)
        return pod?.network?.rxBytes !== undefined
      }
      await eventually('the summary knows the network of the pod', network, { state: () => last })
      const families = await cluster.nodeApi.text('/metrics/cadvisor')
      const lines = families.split('\n').filter((line) => line.includes(`namespace="${workspace.namespace}"`))
      for (const family of FAMILIES) {
        const found = lines.some((line) => line.startsWith(`${family}{`) && line.includes('pod="seen"'))
        expect(found, `a line of ${family} with the labels of the pod among\n${lines.slice(0, 20).join('\n')}`)
      }
      return `${new Set(lines.map((line) => line.split('{')[0])).size} families name the pod`
    } finally {
      await cluster.restartKubelet({ featureGates: {} })
    }
  },
}
