// SPDX-License-Identifier: Apache-2.0
import { allReady, startCounters } from '../load.ts'
import { expect, expectEqual, type Scenario, shell } from '../scenario.ts'
import { containerOf } from '../workspace.ts'

const PODS = 8

export const eventedPleg: Scenario = {
  name: 'evented-pleg',
  about: 'with the EventedPLEG gate the kubelet lives on the events of the runtime, and keeps its stream to it',
  alone: true,
  run: async (workspace, cluster) => {
    await cluster.restartKubelet({ featureGates: { EventedPLEG: true } })
    try {
      await startCounters(workspace, PODS)
      await workspace.pod('short', { containers: [shell('main', 'sleep 1; exit 3')] })
      expectEqual(containerOf(await workspace.ended('short'), 'main').state.terminated?.exitCode, 3, 'the exit code')
      await workspace.kubectl.run(['scale', 'deployment/count', '--replicas=2'])
      await allReady(workspace, 'app=count', 2)
      const families = await cluster.nodeApi.text('/metrics')
      const value = (name: string): number =>
        Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'm').exec(families)?.[1] ?? -1)
      expectEqual(value('kubelet_evented_pleg_connection_error_count'), 0, 'errors of the event stream')
      expect(value('kubelet_evented_pleg_connection_success_count') > 0, 'a connection to the event stream')
      const latency = value('kubelet_evented_pleg_connection_latency_seconds_sum')
      const count = value('kubelet_evented_pleg_connection_latency_seconds_count')
      expect(count > 0, 'events to have come')
      return `${count} events, ${((latency / count) * 1000).toFixed(1)} ms each on the way`
    } finally {
      await cluster.restartKubelet({ featureGates: {} })
    }
  },
}
