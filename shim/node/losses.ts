// SPDX-License-Identifier: Apache-2.0
import { killCgroup } from '../../runtime-core/cgroup/kill.ts'
import { type GantryError, messageOf } from '../../runtime-core/errors.ts'
import type { ProcessRecord } from '../../runtime-core/keeper/protocol.ts'
import { readExitRecord } from '../../runtime-core/state/exit-record.ts'
import type { Container } from '../container/container.ts'
import { endOf, recordEnd } from '../container/end.ts'
import { publish } from '../events/channels.ts'
import type { RuntimeNode } from './node.ts'
import { updateSandbox } from './update.ts'

/** SIGKILL by PDEATHSIG. */
const KILLED_WITH_KEEPER = 137
const KILL_TIMEOUT_MS = 10_000

/** A container ended: its keeper says so, after the last line of its log. */
export function onContainerExit(node: RuntimeNode, podId: string, record: ProcessRecord): void {
  const container = node.objects.containers.get(record.id)
  const end = endOf(record)
  if (record.kind !== 'container' || container === undefined || end === undefined) {
    if (record.kind === 'init') onInitLost(node, podId, record)
    return
  }
  recordEnd(node, container, end)
}

/** With the init of a shared PID namespace the kernel ends all of the pod's processes: it is of no more use. */
function onInitLost(node: RuntimeNode, podId: string, { pid }: ProcessRecord): void {
  const sandbox = node.objects.sandboxes.get(podId)
  if (sandbox?.record.state !== 'ready') return
  publish('KeeperLost', { podId, pid, reason: 'the init of the pod ended' })
  updateSandbox(node, sandbox, { state: 'notready' })
}

/** A keeper went away without being told: the kernel has killed its containers, which is made sure and recorded. */
export function onKeeperLost(node: RuntimeNode, podId: string, error: GantryError): void {
  const sandbox = node.objects.sandboxes.get(podId)
  const pod = sandbox?.pod
  // A pod that is being stopped has been taken out before its keeper ends.
  if (sandbox === undefined || pod === undefined) return
  publish('KeeperLost', { podId, pid: pod.keeperPid, reason: messageOf(error) })
  sandbox.pod = undefined
  if (sandbox.record.state === 'ready') updateSandbox(node, sandbox, { state: 'notready' })
  for (const container of node.objects.containersOf(podId)) {
    endWithKeeper(node, container).catch((failure: unknown) =>
      node.onLeftover('container', container.record.id, failure),
    )
  }
}

async function endWithKeeper(node: RuntimeNode, container: Container): Promise<void> {
  const { id, sandboxId, state, spec, startedAtNs } = container.record
  if (state !== 'running') return
  const path = spec?.linux?.cgroupsPath
  if (path !== undefined) await killCgroup(node.cgroups.compile(path, {}), KILL_TIMEOUT_MS)
  const known = await readExitRecord(node.pods.paths.exitRecord(sandboxId, id))
  const end = known === undefined ? undefined : endOf(known)
  recordEnd(
    node,
    container,
    end ?? {
      startedAtNs,
      finishedAtNs: node.now(),
      exitCode: KILLED_WITH_KEEPER,
      reason: 'Error',
      message: 'the keeper of its pod ended; the kernel killed its processes',
    },
  )
}
