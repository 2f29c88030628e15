// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '../api.ts'
import { eventually } from '../eventually.ts'
import { expectEqual, type Scenario, shell } from '../scenario.ts'

interface Job extends KubeObject {
  readonly status: { readonly succeeded?: number; readonly failed?: number }
}

/** Each index fails at its first try, told by a counter of tries on the node. */
const FLAKY =
  'n=/tries/$JOB_COMPLETION_INDEX; [ -e $n ] && echo "done $JOB_COMPLETION_INDEX" && exit 0; touch $n; exit 3'

export const job: Scenario = {
  name: 'job',
  about: 'an indexed Job of four completions, two at a time, whose every index fails once and is tried again',
  run: async (workspace, cluster) => {
    const tries = { name: 'tries', hostPath: { path: `${cluster.daemon.directory}/tries`, type: 'DirectoryOrCreate' } }
    const container = shell('work', FLAKY, { volumeMounts: [{ name: 'tries', mountPath: '/tries' }] })
    await workspace.create({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'flaky' },
      spec: {
        completions: 4,
        parallelism: 2,
        completionMode: 'Indexed',
        backoffLimitPerIndex: 2,
        template: { spec: { restartPolicy: 'Never', containers: [container], volumes: [tries] } },
      },
    } as KubeObject & { kind: string })
    const status = await eventually(
      'the job has succeeded',
      async () => {
        const { status } = await workspace.api.get<Job>(workspace.pathOf('Job', 'flaky'))
        return status.succeeded === 4 ? status : undefined
      },
      { timeoutMs: 90_000 },
    )
    expectEqual(status.failed, 4, 'the number of failed pods')
    const logs = await workspace.kubectl.run(['logs', '--selector=job-name=flaky', '--prefix=false'])
    const said = logs
      .split('\n')
      .filter((line) => line.startsWith('done'))
      .sort()
    expectEqual(said, ['done 0', 'done 1', 'done 2', 'done 3'], 'what the pods said')
    return `${status.succeeded} of 8 pods succeeded, as they should`
  },
}
