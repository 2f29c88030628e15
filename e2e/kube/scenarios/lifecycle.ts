// SPDX-License-Identifier: Apache-2.0
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, expectEqual, type Scenario, shell } from '../scenario.ts'
import type { Workspace } from '../workspace.ts'

const HOST = { volumeMounts: [{ name: 'host', mountPath: '/host' }] }
const say = (word: string): string => `echo ${word} >>/host/order`
const run = (script: string): object => ({ exec: { command: ['sh', '-c', script] } })

export const lifecycle: Scenario = {
  name: 'lifecycle',
  about: 'postStart holds the container back from being ready, preStop runs before SIGTERM, both leave their events',
  run: async (workspace, cluster) => {
    const directory = join(cluster.daemon.directory, 'lifecycle')
    await mkdir(directory)
    const main = shell('main', `trap '${say('term')}; exit 0' TERM; while :; do sleep 1 & wait $!; done`, {
      ...HOST,
      lifecycle: { postStart: run(`sleep 1; ${say('post-start')}`), preStop: run(`${say('pre-stop')}; sleep 1`) },
    })
    const volumes = [{ name: 'host', hostPath: { path: directory } }]
    await workspace.pod('hooks', { terminationGracePeriodSeconds: 20, containers: [main], volumes })
    await workspace.ready('hooks')
    await workspace.deletePod('hooks')
    expectEqual(await readFile(join(directory, 'order'), 'utf8'), 'post-start\npre-stop\nterm\n', 'the order of hooks')
    await failingHook(workspace)
    await sleepingHook(workspace)
    return undefined
  },
}

async function failingHook(workspace: Workspace): Promise<void> {
  const main = shell('main', 'sleep 1000', { lifecycle: { postStart: run('echo broken >&2; exit 9') } })
  await workspace.pod('broken', { containers: [main] })
  const event = await workspace.event('broken', 'FailedPostStartHook')
  expect(event.includes('PostStartHook failed'), `an event about the hook, not ${event}`)
}

async function sleepingHook(workspace: Workspace): Promise<void> {
  const main = shell('main', 'sleep 1000', { lifecycle: { preStop: { sleep: { seconds: 2 } } } })
  await workspace.pod('sleeps', { terminationGracePeriodSeconds: 3, containers: [main] })
  await workspace.ready('sleeps')
  const from = performance.now()
  await workspace.deletePod('sleeps')
  expect(performance.now() - from >= 2000, 'the pod to stay for as long as its preStop hook sleeps')
}
