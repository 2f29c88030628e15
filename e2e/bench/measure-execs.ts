// SPDX-License-Identifier: Apache-2.0
import type { MeasuredPeer } from './measured-peer.ts'
import { CALLERS } from './options.ts'
import type { Samples } from './samples.ts'
import { idle } from './workload.ts'

const SLICES = 3
const SLICE_MS = 1_500

/** Execs per second by all callers at once on one container, the peers' slices taking turns. */
export async function measureExecs(peers: readonly MeasuredPeer[], samples: Samples): Promise<void> {
  const targets = await Promise.all(peers.map(startTarget))
  for (let slice = 0; slice < SLICES; slice++) {
    for (const { peer, containerId } of targets) {
      samples.add(`ExecSync by ${CALLERS} callers`, '/s', peer.name, await execsPerSecond(peer, containerId))
    }
  }
  for (const { peer } of targets) await peer.removeAll()
}

async function startTarget(peer: MeasuredPeer): Promise<{ peer: MeasuredPeer; containerId: string }> {
  const pod = await peer.runPod(await peer.nextPod('host'))
  const containerId = await peer.createContainer(pod, idle('main', 'host'))
  await peer.startContainer(containerId)
  return { peer, containerId }
}

async function execsPerSecond(peer: MeasuredPeer, containerId: string): Promise<number> {
  const begin = performance.now()
  let done = 0
  const caller = async (): Promise<void> => {
    while (performance.now() - begin < SLICE_MS) {
      await peer.execTrue(containerId)
      done++
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  return (done * 1000) / (performance.now() - begin)
}
