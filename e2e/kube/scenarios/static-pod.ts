// SPDX-License-Identifier: Apache-2.0
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ApiError } from '../api.ts'
import { eventually } from '../eventually.ts'
import { NODE_NAME } from '../kubelet.ts'
import type { Pod } from '../objects.ts'
import { expect, expectEqual, IDLE, type Scenario, shell } from '../scenario.ts'
import { isReady } from '../workspace.ts'

export const staticPod: Scenario = {
  name: 'static-pod',
  about: 'a manifest in a directory of the node runs, is seen through the API, changes with its file and goes with it',
  run: async ({ namespace, api }, { kubelet }) => {
    const file = join(kubelet.staticPodDirectory, `${namespace}.json`)
    const path = `/api/v1/namespaces/${namespace}/pods/fixed-${NODE_NAME}`
    const find = (): Promise<Pod | undefined> =>
      api.get<Pod>(path).catch((error: unknown) => {
        if (error instanceof ApiError && error.status === 404) return undefined
        throw error
      })
    try {
      await writeFile(file, manifest(namespace, 'one'))
      const first = await eventually('the static pod is ready', () => find().then((pod) => pod && isReady(pod) && pod))
      await writeFile(file, manifest(namespace, 'two'))
      const changed = async (): Promise<Pod | undefined | false> => {
        const pod = await find()
        return pod !== undefined && pod.metadata.uid !== first.metadata.uid && isReady(pod) && pod
      }
      const second = await eventually('the changed pod is ready', changed)
      expectEqual(second.metadata.labels?.['version'], 'two', 'the label of the pod')
      expect(second.status.podIP !== undefined, 'an address')
    } finally {
      await rm(file, { force: true })
    }
    await eventually('the static pod is gone', async () => (await find()) === undefined)
    return undefined
  },
}

function manifest(namespace: string, version: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'fixed', namespace, labels: { version } },
    spec: { terminationGracePeriodSeconds: 2, containers: [shell('main', IDLE)] },
  })
}
