// SPDX-License-Identifier: Apache-2.0
import type { Scenario } from '../scenario.ts'
import { agent } from './agent.ts'
import { deployment } from './deployment.ts'
import { eventedPleg } from './evented-pleg.ts'
import { eviction } from './eviction.ts'
import { imageVolume } from './image-volume.ts'
import { initAndSidecar } from './init-and-sidecar.ts'
import { job } from './job.ts'
import { lifecycle } from './lifecycle.ts'
import { logRotation } from './log-rotation.ts'
import { outOfMemory } from './memory.ts'
import { metrics } from './metrics.ts'
import { probes } from './probes.ts'
import { prometheus } from './prometheus.ts'
import { pulls } from './pulls.ts'
import { resize } from './resize.ts'
import { daemonKilled, daemonRestart, kubeletRestart, nodeReboot } from './restarts.ts'
import { runtimeClass } from './runtime-class.ts'
import { security } from './security.ts'
import { sharedNamespaces } from './shared-namespaces.ts'
import { staticPod } from './static-pod.ts'
import { statsFromCri } from './stats-from-cri.ts'
import { streams } from './streams.ts'
import { termination } from './termination.ts'
import { userNamespace } from './user-namespace.ts'
import { volumes } from './volumes.ts'

/** Every scenario, in the order of the table. */
export const SCENARIOS: readonly Scenario[] = [
  deployment,
  job,
  initAndSidecar,
  volumes,
  imageVolume,
  probes,
  lifecycle,
  termination,
  streams,
  sharedNamespaces,
  security,
  userNamespace,
  outOfMemory,
  resize,
  pulls,
  runtimeClass,
  metrics,
  staticPod,
  kubeletRestart,
  daemonRestart,
  daemonKilled,
  eventedPleg,
  statsFromCri,
  logRotation,
  eviction,
  agent,
  nodeReboot,
  prometheus,
]
