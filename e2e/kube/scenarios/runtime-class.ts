// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '../api.ts'
import { NODE_NAME } from '../kubelet.ts'
import type { Node } from '../objects.ts'
import { expect, expectEqual, type Scenario, shell } from '../scenario.ts'
import type { Workspace } from '../workspace.ts'

export const runtimeClass: Scenario = {
  name: 'runtime-class',
  about: 'a RuntimeClass with a handler that the runtime has, one that it has not, and the overhead of a class',
  run: async (workspace) => {
    const node = await workspace.api.get<Node>(`/api/v1/nodes/${NODE_NAME}`)
    const handlers = (node.status.runtimeHandlers ?? []).map(({ name }) => name)
    const named = handlers.find((name) => name !== '')
    expect(named !== undefined, `a handler with a name on the node, not ${JSON.stringify(handlers)}`)
    await using _known = await makeClass(workspace, 'known', {
      handler: named,
      overhead: { podFixed: { memory: '16Mi' } },
    })
    await using _unknown = await makeClass(workspace, 'unknown', { handler: 'no-such-handler' })
    await workspace.pod('runs', { runtimeClassName: 'known', containers: [shell('main', 'echo here')] })
    const pod = await workspace.ended('runs')
    expectEqual(pod.status.phase, 'Succeeded', 'the phase of a pod of the class')
    await workspace.pod('refused', { runtimeClassName: 'unknown', containers: [shell('main', 'echo here')] })
    const event = await workspace.event('refused', 'FailedCreatePodSandBox')
    expect(event.includes('no-such-handler'), `an event that names the handler, not ${event}`)
    return `handlers: ${handlers.map((name) => name || '""').join(', ')}`
  },
}

/** Runtime classes belong to no namespace: they go with the scenario. */
async function makeClass(workspace: Workspace, name: string, rest: object): Promise<AsyncDisposable> {
  const object = { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name }, ...rest }
  await workspace.create(object as KubeObject & { kind: string })
  return { [Symbol.asyncDispose]: () => workspace.api.delete(workspace.pathOf('RuntimeClass', name)) }
}
