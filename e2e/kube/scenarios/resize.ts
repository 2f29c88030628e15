// SPDX-License-Identifier: Apache-2.0
import { expectEqual, IDLE, type Scenario, shell } from '../scenario.ts'
import { containerOf, type Workspace } from '../workspace.ts'

const MIB = 1024 * 1024
/** cgroup v2 and v1. */
const LIMITS = 'cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes'

export const resize: Scenario = {
  name: 'resize',
  about: 'CPU and memory are changed in place; only the container that wants a restart for it is started again',
  run: async (workspace) => {
    const resources = { requests: { cpu: '100m', memory: '32Mi' }, limits: { cpu: '200m', memory: '64Mi' } }
    const onMemory = { resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }] }
    await workspace.pod('grows', {
      restartPolicy: 'Always',
      containers: [shell('main', IDLE, { resources }), shell('restarts', IDLE, { resources, ...onMemory })],
    })
    const before = await workspace.ready('grows')
    await change(workspace, 'main', { cpu: '300m', memory: '96Mi' })
    await change(workspace, 'restarts', { cpu: '300m', memory: '96Mi' })
    const isDone =
      (name: string) =>
      (pod: typeof before): boolean =>
        pod.status.containerStatuses?.find((status) => status.name === name)?.resources?.limits?.['memory'] === '96Mi'
    await workspace.until('grows', 'has the new limits', (pod) => isDone('main')(pod) && isDone('restarts')(pod))
    const after = await workspace.until(
      'grows',
      'has restarted the one',
      (pod) => containerOf(pod, 'restarts').restartCount === 1,
    )
    expectEqual(containerOf(after, 'main').restartCount, 0, 'restarts of the container that may grow as it runs')
    expectEqual(containerOf(after, 'main').containerID, containerOf(before, 'main').containerID, 'the container')
    const limit = await workspace.exec('grows', '-c', 'main', 'sh', '-c', LIMITS)
    expectEqual(Number(limit), 96 * MIB, 'the limit that the container sees')
    return undefined
  },
}

async function change(workspace: Workspace, name: string, limits: Readonly<Record<string, string>>): Promise<void> {
  await workspace.api.patch(`${workspace.pathOf('Pod', 'grows')}/resize`, {
    spec: { containers: [{ name, resources: { limits } }] },
  })
}
