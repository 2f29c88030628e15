// SPDX-License-Identifier: Apache-2.0
import { expect, expectEqual, type Scenario, shell } from '../scenario.ts'
import { containerOf } from '../workspace.ts'

/** tail keeps the last line, which never ends. */
const GREEDY = 'sleep 1; tail /dev/zero'
const RESTARTS = 2

export const outOfMemory: Scenario = {
  name: 'out-of-memory',
  about: 'a container over its limit is OOMKilled and started again, each time later; its neighbour goes on',
  run: async (workspace) => {
    const limits = { memory: '24Mi', cpu: '500m' }
    const containers = [shell('greedy', GREEDY, { resources: { limits } }), shell('modest', 'exec sleep 1000')]
    await workspace.pod('hungry', { restartPolicy: 'Always', containers })
    const again = await workspace.until(
      'hungry',
      `has been started again ${RESTARTS} times`,
      (pod) => (pod.status.containerStatuses?.find(({ name }) => name === 'greedy')?.restartCount ?? 0) >= RESTARTS,
      90_000,
    )
    const greedy = containerOf(again, 'greedy')
    const last = greedy.lastState.terminated ?? greedy.state.terminated
    expectEqual([last?.reason, last?.exitCode], ['OOMKilled', 137], 'how the container ended')
    expectEqual(containerOf(again, 'modest').restartCount, 0, 'restarts of the neighbour')
    await workspace.waiting('hungry', 'CrashLoopBackOff')
    expect((await workspace.event('hungry', 'BackOff')).includes('greedy'), 'an event about the back-off')
    return undefined
  },
}
