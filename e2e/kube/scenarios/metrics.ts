// SPDX-License-Identifier: Apache-2.0
import { eventually } from '../eventually.ts'
import { expect, type Scenario, shell } from '../scenario.ts'

/** What of the Summary API is looked at. */
export interface Summary {
  readonly node: {
    readonly runtime?: { readonly imageFs?: { readonly capacityBytes?: number; readonly usedBytes?: number } }
  }
  readonly pods: readonly {
    readonly podRef: { readonly name: string; readonly namespace: string }
    readonly containers?: readonly {
      readonly name: string
      readonly cpu?: { readonly usageNanoCores?: number; readonly usageCoreNanoSeconds?: number }
      readonly memory?: { readonly workingSetBytes?: number }
      readonly rootfs?: { readonly usedBytes?: number }
      readonly logs?: { readonly usedBytes?: number }
    }[]
    readonly network?: { readonly rxBytes?: number }
  }[]
}

const MIB = 1024 * 1024
const BUSY = 'dd if=/dev/zero of=/fill bs=1M count=4 2>/dev/null; while :; do :; done'

export const metrics: Scenario = {
  name: 'metrics',
  about: "the kubelet's summary, resource metrics and cAdvisor families know a busy pod's CPU, memory and disk",
  run: async (workspace, { nodeApi }) => {
    const resources = { limits: { cpu: '100m', memory: '32Mi' } }
    await workspace.pod('busy', { terminationGracePeriodSeconds: 0, containers: [shell('main', BUSY, { resources })] })
    await workspace.ready('busy')
    let last = ''
    const known = async (): Promise<boolean> => {
      const summary = await nodeApi.get<Summary>('/stats/summary')
      const pod = summary.pods.find(({ podRef }) => podRef.name === 'busy' && podRef.namespace === workspace.namespace)
      last = JSON.stringify(pod)
      const main = pod?.containers?.find(({ name }) => name === 'main')
      const usage = [main?.cpu?.usageNanoCores, main?.memory?.workingSetBytes, main?.rootfs?.usedBytes, main?.logs]
      return usage.every(Boolean) && (main?.rootfs?.usedBytes ?? 0) >= 4 * MIB
    }
    await eventually('the summary knows the pod', known, { state: () => last })
    const labels = `container="main",namespace="${workspace.namespace}",pod="busy"`
    const resource = async (): Promise<boolean> => {
      last = await nodeApi.text('/metrics/resource')
      return ['container_cpu_usage_seconds_total', 'container_memory_working_set_bytes'].every((family) =>
        last.includes(`${family}{${labels}}`),
      )
    }
    await eventually('the resource metrics know the pod', resource, { state: () => last })
    const cadvisor = await nodeApi.text('/metrics/cadvisor')
    expect(cadvisor.includes('machine_memory_bytes'), "the machine's families of cAdvisor")
    return undefined
  },
}
