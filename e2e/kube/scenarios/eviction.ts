// SPDX-License-Identifier: Apache-2.0
import { statfs } from 'node:fs/promises'
import type { Cluster } from '../cluster.ts'
import { eventually } from '../eventually.ts'
import { KUBE_IMAGES } from '../images.ts'
import { NODE_NAME } from '../kubelet.ts'
import type { Node } from '../objects.ts'
import { BUSYBOX, expect, expectEqual, IDLE, type Scenario, shell } from '../scenario.ts'
import type { Workspace } from '../workspace.ts'

const MIB = 1024 * 1024
const BALLASTS = 6
/** The images take 144 MiB. One pod writes what their removal makes up for, the other what nothing makes up for. */
const LEEWAY = 50 * MIB
const fill = (mebibytes: number, then: string = IDLE): object =>
  shell('main', `dd if=/dev/zero of=/fill bs=1M count=${mebibytes} 2>/dev/null; ${then}`)

export const eviction: Scenario = {
  name: 'eviction',
  about: 'under disk pressure unused images go first; when that does not help the pod goes that fills the disk',
  alone: true,
  run: async (workspace, cluster) => {
    // A kubelet collects only images that it has seen before; it looks when it starts, and every five minutes.
    for (let n = 0; n < BALLASTS; n++) await cluster.daemon.pull(KUBE_IMAGES.ballast(n))
    await cluster.restartKubelet({
      evictionHard: { 'imagefs.available': String((await available(cluster)) - LEEWAY) },
      evictionPressureTransitionPeriod: '2s',
      // 0 would be taken for the default, two minutes.
      imageMinimumGCAge: '1s',
    })
    try {
      await workspace.pod('innocent', { containers: [fill(80)] })
      await workspace.ready('innocent')
      const left = (): Promise<number> => ballastLeft(cluster)
      const state = async (): Promise<string> => `${await left()} left`
      await eventually('the unused images are gone', async () => (await left()) === 0, { state })
      await pressure(workspace, 'True')
      await pressure(workspace, 'False')
      expectEqual(
        (await workspace.getPod('innocent')).status.phase,
        'Running',
        'the phase of the pod that is not to blame',
      )
      // One that answers SIGTERM with success has succeeded in the kubelet's eyes, evicted or not.
      await workspace.pod('hog', { terminationGracePeriodSeconds: 0, containers: [fill(150, 'exec sleep 100000')] })
      const evicted = await workspace.until('hog', 'is evicted', ({ status }) => status.reason === 'Evicted', 90_000)
      expect(
        /imagefs|ephemeral-storage/.test(evicted.status.message ?? ''),
        `the reason in words, not ${evicted.status.message}`,
      )
      await pressure(workspace, 'False')
      const phases = [(await workspace.getPod('innocent')).status.phase, await isThere(cluster, BUSYBOX)]
      expectEqual(phases, ['Running', true], 'the neighbour and its image')
      return evicted.status.message?.trim()
    } finally {
      await cluster.restartKubelet({
        evictionHard: { 'imagefs.available': '0%', 'memory.available': '0%', 'nodefs.available': '0%' },
      })
    }
  },
}

async function available({ daemon }: Cluster): Promise<number> {
  const { bavail, bsize } = await statfs(daemon.root)
  return bavail * bsize
}

async function imageNames({ daemon }: Cluster): Promise<string[]> {
  return (await daemon.client.image.listImages({})).images.flatMap(({ repoTags }) => repoTags)
}

async function ballastLeft(cluster: Cluster): Promise<number> {
  return (await imageNames(cluster)).filter((name) => name.includes('/ballast/')).length
}

async function isThere(cluster: Cluster, image: string): Promise<boolean> {
  return (await imageNames(cluster)).includes(image)
}

async function pressure(workspace: Workspace, status: string): Promise<void> {
  let message = ''
  const holds = async (): Promise<boolean> => {
    const node = await workspace.api.get<Node>(`/api/v1/nodes/${NODE_NAME}`)
    const condition = node.status.conditions?.find(({ type }) => type === 'DiskPressure')
    message = `${condition?.status} ${condition?.message}`
    return condition?.status === status
  }
  await eventually(`disk pressure is ${status}`, holds, { state: () => message })
}
