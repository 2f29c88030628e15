// SPDX-License-Identifier: Apache-2.0
import { expect, expectEqual, IDLE, type Scenario, shell } from '../scenario.ts'
import { containerOf } from '../workspace.ts'

const MOUNT = { volumeMounts: [{ name: 'shared', mountPath: '/shared' }] }
const SIDECAR = `echo sidecar >>/shared/order; touch /tmp/up; ${IDLE}`

export const initAndSidecar: Scenario = {
  name: 'init-and-sidecar',
  about: 'init containers run one after the other, a sidecar is up before the others and ends after them',
  run: async (workspace) => {
    const started = { startupProbe: { exec: { command: ['test', '-e', '/tmp/up'] }, periodSeconds: 1 } }
    await workspace.pod('ordered', {
      volumes: [{ name: 'shared', emptyDir: {} }],
      initContainers: [
        shell('first', 'sleep 1; echo first >>/shared/order', MOUNT),
        shell('sidecar', SIDECAR, { ...MOUNT, ...started, restartPolicy: 'Always' }),
        shell('second', 'echo second >>/shared/order', MOUNT),
      ],
      containers: [shell('main', 'echo main >>/shared/order; cat /shared/order', MOUNT)],
    })
    const pod = await workspace.ended('ordered')
    expectEqual(pod.status.phase, 'Succeeded', 'the phase')
    expectEqual(await workspace.logs('ordered', '-c', 'main'), 'first\nsidecar\nsecond\nmain\n', 'the order of starts')
    const [sidecar, main] = [containerOf(pod, 'sidecar').state.terminated, containerOf(pod, 'main').state.terminated]
    expectEqual(sidecar?.exitCode, 0, "the sidecar's exit code")
    expect((sidecar?.finishedAt ?? '') >= (main?.finishedAt ?? ''), 'the sidecar to end after the container it serves')
    await failingInit(workspace)
    return undefined
  },
}

async function failingInit(workspace: Parameters<Scenario['run']>[0]): Promise<void> {
  await workspace.pod('stuck', {
    initContainers: [shell('fails', 'echo no >&2; exit 4')],
    containers: [shell('never', 'exit 0')],
  })
  const pod = await workspace.ended('stuck')
  expectEqual(pod.status.phase, 'Failed', 'the phase of a pod whose init container fails')
  expectEqual(containerOf(pod, 'fails').state.terminated?.exitCode, 4, 'the exit code of the init container')
  expect(containerOf(pod, 'never').state.waiting !== undefined, 'the container behind it never to have run')
}
