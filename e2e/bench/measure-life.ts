// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { MeasuredPeer, RunningPod } from './measured-peer.ts'
import type { Samples } from './samples.ts'
import { LOG_FILE, type PodNetwork, READY_LINE, stoppable } from './workload.ts'

const EXECS_A_ROUND = 5
const READY_TIMEOUT_MS = 10_000

/** One round for one peer: the life of a pod on the host's network, and of one with a container on the bridge. */
export async function measureLife(peer: MeasuredPeer, samples: Samples): Promise<void> {
  const onHost = await runPod(peer, 'host', samples)
  await takeDown(peer, onHost, 'host', samples)
  const onBridge = await runPod(peer, 'bridge', samples)
  await measureContainer(peer, onBridge, samples)
  await takeDown(peer, onBridge, 'bridge', samples)
}

async function runPod(peer: MeasuredPeer, network: PodNetwork, samples: Samples): Promise<RunningPod> {
  const config = await peer.nextPod(network)
  return samples.time(`RunPodSandbox, ${network} network`, peer.name, () => peer.runPod(config))
}

async function takeDown(peer: MeasuredPeer, pod: RunningPod, network: PodNetwork, samples: Samples): Promise<void> {
  await samples.time(`StopPodSandbox, ${network} network`, peer.name, () => peer.stopPod(pod.id))
  await samples.time(`RemovePodSandbox, ${network} network`, peer.name, () => peer.removePod(pod.id))
}

async function measureContainer(peer: MeasuredPeer, pod: RunningPod, samples: Samples): Promise<void> {
  const { runtime } = peer.client
  const time = <Result>(name: string, act: () => Promise<Result>): Promise<Result> => samples.time(name, peer.name, act)
  const containerId = await time('CreateContainer', () => peer.createContainer(pod, stoppable('bridge')))
  await time('StartContainer', () => peer.startContainer(containerId))
  for (let exec = 0; exec < EXECS_A_ROUND; exec++) await time('ExecSync /bin/true', () => peer.execTrue(containerId))
  // A signal before the shell has set its trap would be lost on process 1, and the grace period measured instead.
  await waitForLine(join(pod.config.logDirectory, LOG_FILE), READY_LINE)
  await time('StopContainer, ends on SIGTERM', () => runtime.stopContainer({ containerId, timeout: 10n }))
  await time('RemoveContainer', () => runtime.removeContainer({ containerId }))
}

async function waitForLine(path: string, line: string): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS
  while (!(await readFile(path, 'utf8').catch(() => '')).includes(` ${line}\n`)) {
    if (performance.now() > deadline)
      throw new Error(`wait for line "${line}" in ${path}: not there in ${READY_TIMEOUT_MS} ms`)
    await delay(2)
  }
}
