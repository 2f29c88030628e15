// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises'
import type { Cluster } from '../cluster.ts'
import { eventually } from '../eventually.ts'
import { allReady, Churn, expectNoLineLost, running, startCounters } from '../load.ts'
import { expect, expectEqual, type Scenario, timed } from '../scenario.ts'
import type { Workspace } from '../workspace.ts'

const PODS = 5
/** So many times, at moments that nobody chose. */
const ROUNDS = 4
const PAUSE_MS = 1_500

export const kubeletRestart: Scenario = {
  name: 'kubelet-restart',
  about: 'the kubelet is ended, and killed, while pods run: it finds them all, and none is started again',
  alone: true,
  run: async (workspace, cluster) => {
    await startCounters(workspace, PODS)
    const before = await running(workspace, 'app=count')
    const gentle = await timed(() => cluster.restartKubelet())
    await cluster.restartKubelet({}, 'SIGKILL')
    await stayAsTheyAre(workspace, before)
    return `ready again after ${gentle}; ${await expectNoLineLost(workspace, 'app=count')} log lines`
  },
}

export const daemonRestart: Scenario = {
  name: 'daemon-restart',
  about: 'gantryd is ended and started again under load, as in an upgrade: pods, logs and streams of work go on',
  alone: true,
  run: (workspace, cluster) => underLoad(workspace, cluster, 'SIGTERM'),
}

export const daemonKilled: Scenario = {
  name: 'daemon-killed',
  about: 'gantryd is killed again and again while pods come and go: nothing is lost, nothing is started twice',
  alone: true,
  run: (workspace, cluster) => underLoad(workspace, cluster, 'SIGKILL'),
}

async function underLoad(workspace: Workspace, cluster: Cluster, signal: NodeJS.Signals): Promise<string> {
  await startCounters(workspace, PODS)
  const before = await running(workspace, 'app=count')
  const churn = new Churn(workspace)
  for (let round = 0; round < ROUNDS; round++) {
    await delay(PAUSE_MS)
    await cluster.daemon.kill(signal)
    await cluster.daemon.restart()
  }
  await cluster.waitForNode(Date.now())
  const rounds = await churn.stop()
  expect(rounds > 0, 'pods to come and go meanwhile')
  await stayAsTheyAre(workspace, before)
  const lines = await expectNoLineLost(workspace, 'app=count')
  return `${ROUNDS} times; ${rounds} pods came and went; ${lines} log lines`
}

async function stayAsTheyAre(workspace: Workspace, before: ReadonlyMap<string, string>): Promise<void> {
  await allReady(workspace, 'app=count', before.size)
  expectEqual([...(await running(workspace, 'app=count'))].sort(), [...before].sort(), 'the containers')
}

export const nodeReboot: Scenario = {
  name: 'node-reboot',
  about: 'all processes, mounts, namespaces and runtime state are gone at once: the pods of the node run again',
  alone: true,
  run: async (workspace, cluster) => {
    await startCounters(workspace, PODS)
    const took = await timed(async () => {
      await cluster.reboot()
      const restarted = async (): Promise<boolean> => {
        const pods = await workspace.pods('app=count')
        return pods.every(({ status }) => (status.containerStatuses?.[0]?.restartCount ?? 0) === 1)
      }
      await eventually('every container has been started again', restarted, {
        timeoutMs: 90_000,
        state: async () => [...(await running(workspace, 'app=count'))].join('\n'),
      })
      await allReady(workspace, 'app=count', PODS)
    })
    const [first] = await workspace.pods('app=count')
    expectEqual((await workspace.logs(first?.metadata.name ?? '')).split('\n')[0], '1', 'the first line of the new log')
    return `${PODS} pods ready again after ${took}`
  },
}
