// SPDX-License-Identifier: Apache-2.0
import { GantryError, messageOf } from '../../runtime-core/errors.ts'
import type { RuntimeNode } from '../node/node.ts'
import { updateContainer } from '../node/update.ts'
import type { Container } from './container.ts'
import { recordEnd } from './end.ts'

/** What peers report for a container whose start failed. */
const START_ERROR = { exitCode: 128, reason: 'StartError' } as const

/** StartContainer (CRI v1): only from CREATED. A failed start leaves it EXITED, reason StartError, with the error as message. */
export async function startContainer(node: RuntimeNode, id: string): Promise<void> {
  const container = node.objects.container(id)
  await node.locks.run(container.record.id, () => start(node, container))
}

async function start(node: RuntimeNode, container: Container): Promise<void> {
  const { id, sandboxId, state, spec, logPath, rootfs } = container.record
  const sandbox = node.objects.sandboxes.get(sandboxId)
  if (state !== 'created' || spec === undefined || rootfs === undefined) {
    throw new GantryError('failed_precondition', {
      action: 'start container',
      subject: id,
      reason: `it is ${state}, expected created`,
    })
  }
  if (sandbox?.pod === undefined || sandbox.record.state !== 'ready') {
    throw new GantryError('failed_precondition', {
      action: 'start container',
      subject: id,
      reason: `its sandbox "${sandboxId}" is not ready`,
    })
  }
  container.hasCgroup = true
  try {
    const { stdin, stdinOnce } = container.record.config
    const started = await sandbox.pod.start({
      containerId: id,
      spec,
      rootfs: { kind: 'overlay', ...rootfs },
      makeBindSources: true,
      copyUpSources: new Set(container.record.imageVolumes),
      stdin,
      stdinOnce,
      logPath,
      maxLogLineBytes: node.config.maxLogLineBytes,
    })
    // One that ended already was recorded as such while we waited.
    if (container.record.state === 'created') updateContainer(node, container, { ...started, state: 'running' })
  } catch (error) {
    const finishedAtNs = node.now()
    recordEnd(node, container, { ...START_ERROR, startedAtNs: finishedAtNs, finishedAtNs, message: messageOf(error) })
    throw error
  }
}
