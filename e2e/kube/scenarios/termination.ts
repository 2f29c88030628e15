// SPDX-License-Identifier: Apache-2.0
import { expect, expectEqual, type Scenario, shell } from '../scenario.ts'
import { containerOf, type Workspace } from '../workspace.ts'

export const termination: Scenario = {
  name: 'termination',
  about: 'termination messages from the file and from the log, grace that runs out, deadlines of pods',
  run: async (workspace) => {
    await Promise.all([message(workspace), messageFromLog(workspace), grace(workspace), deadline(workspace)])
    return undefined
  },
}

async function message(workspace: Workspace): Promise<void> {
  const main = shell('main', 'echo -n "the disk is on fire" >/say/it; exit 5', { terminationMessagePath: '/say/it' })
  await workspace.pod('says', { containers: [main] })
  const { terminated } = containerOf(await workspace.ended('says'), 'main').state
  expectEqual(
    [terminated?.exitCode, terminated?.reason, terminated?.message],
    [5, 'Error', 'the disk is on fire'],
    'end',
  )
}

async function messageFromLog(workspace: Workspace): Promise<void> {
  const policy = { terminationMessagePolicy: 'FallbackToLogsOnError' }
  await workspace.pod('logs', { containers: [shell('main', 'echo out; echo last words >&2; exit 1', policy)] })
  const { terminated } = containerOf(await workspace.ended('logs'), 'main').state
  // Two streams, two pipes: their order is nobody's promise.
  const lines = terminated?.message?.trim().split('\n').toSorted()
  expectEqual(lines, ['last words', 'out'], 'the lines of the message')
}

/** Its process 1 ignores SIGTERM. */
async function grace(workspace: Workspace): Promise<void> {
  await workspace.pod('stubborn', {
    terminationGracePeriodSeconds: 30,
    containers: [shell('main', 'trap "" TERM; sleep 1000')],
  })
  await workspace.ready('stubborn')
  const from = performance.now()
  await workspace.deletePod('stubborn', 2)
  const tookMs = performance.now() - from
  expect(tookMs >= 2000 && tookMs < 20_000, `the pod to be killed after its 2 s of grace, not after ${tookMs} ms`)
}

async function deadline(workspace: Workspace): Promise<void> {
  await workspace.pod('late', { activeDeadlineSeconds: 2, containers: [shell('main', 'exec sleep 1000')] })
  const pod = await workspace.ended('late')
  expectEqual([pod.status.phase, pod.status.reason], ['Failed', 'DeadlineExceeded'], 'phase and reason')
}
