// SPDX-License-Identifier: Apache-2.0
import type { MeasuredPeer, RunningPod } from './measured-peer.ts'
import { CALLERS } from './options.ts'
import { inParallel } from './parallel.ts'
import { pssBytes, rssBytes, settle } from './processes.ts'
import type { Samples } from './samples.ts'
import { idle, type PodNetwork } from './workload.ts'

const MEGABYTE = 1e6
const LISTINGS = 60
/** Containers a pod has in the end, where many are wanted; all but the first are created, not started. */
const CONTAINERS_A_POD = 10

/** A daemon's memory before it has seen a pod. */
export async function measureRest(peer: MeasuredPeer, samples: Samples): Promise<void> {
  const { daemon } = await peer.endpoint.pids()
  await settle(daemon)
  samples.add('daemon at rest, PSS', 'MB', peer.name, (await pssBytes(daemon)) / MEGABYTE)
  samples.add('daemon at rest, RSS', 'MB', peer.name, (await rssBytes(daemon)) / MEGABYTE)
}

/**
 * Many pods with a container each, brought up and taken down by all callers; on the host's network also what they cost in
 * memory, and how long lists take.
 */
export async function measureCrowd(peer: MeasuredPeer, count: number, network: PodNetwork, samples: Samples) {
  const before = await daemonPss(peer)
  const places = Array.from({ length: count }, (_, index) => index)
  const title = `${count} pods by ${CALLERS} callers, ${network} network`
  const pods = await seconds(`${title}: up`, peer, samples, () =>
    inParallel(CALLERS, places, () => startPod(peer, network)),
  )
  if (network === 'host') {
    await measureMemory(peer, count, before, samples)
    await measureLists(peer, pods, samples)
  }
  await seconds(`${title}: down`, peer, samples, () =>
    inParallel(CALLERS, pods, async ({ id }) => {
      await peer.stopPod(id)
      await peer.removePod(id)
    }),
  )
}

async function startPod(peer: MeasuredPeer, network: PodNetwork): Promise<RunningPod> {
  const pod = await peer.runPod(await peer.nextPod(network))
  await peer.startContainer(await peer.createContainer(pod, idle('main', network)))
  return pod
}

async function measureMemory(peer: MeasuredPeer, count: number, before: number, samples: Samples): Promise<void> {
  const growth = (await daemonPss(peer)) - before
  const { helpers } = await peer.endpoint.pids()
  const beside = await pssBytes(Object.values(helpers).flat())
  const add = (name: string, bytes: number): void =>
    samples.add(`memory per pod, PSS: ${name}`, 'MB', peer.name, bytes / count / MEGABYTE)
  add('shim and pause, or keeper', beside)
  add('growth of the daemon', growth)
  add('all beside the workload', beside + growth)
}

async function measureLists(peer: MeasuredPeer, pods: readonly RunningPod[], samples: Samples): Promise<void> {
  await timeList(peer, pods.length, samples)
  const more = Array.from({ length: CONTAINERS_A_POD - 1 }, (_, index) => `more-${index}`)
  const wanted = pods.flatMap((pod) => more.map((name) => ({ pod, name })))
  const created = await inParallel(CALLERS, wanted, ({ pod, name }) => peer.createContainer(pod, idle(name, 'host')))
  await timeList(peer, pods.length * CONTAINERS_A_POD, samples)
  // The pods are taken down as they came up: with one container each.
  await inParallel(CALLERS, created, (containerId) => peer.client.runtime.removeContainer({ containerId }))
}

async function timeList(peer: MeasuredPeer, expected: number, samples: Samples): Promise<void> {
  for (let listing = 0; listing < LISTINGS; listing++) {
    const name = `ListContainers, ${expected} containers`
    const { containers } = await samples.time(name, peer.name, () => peer.client.runtime.listContainers({}))
    if (containers.length !== expected) throw new Error(`list containers: ${containers.length} of ${expected}`)
  }
}

async function daemonPss(peer: MeasuredPeer): Promise<number> {
  const { daemon } = await peer.endpoint.pids()
  await settle(daemon)
  return pssBytes(daemon)
}

async function seconds<Result>(name: string, peer: MeasuredPeer, samples: Samples, act: () => Promise<Result>) {
  const begin = performance.now()
  const result = await act()
  samples.add(name, 's', peer.name, (performance.now() - begin) / 1000)
  return result
}
