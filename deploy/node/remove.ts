// SPDX-License-Identifier: Apache-2.0
import { access } from 'node:fs/promises'
import { GantryError } from '../../runtime-core/errors.ts'
import { removeRecord } from './activate.ts'
import { type Host, removeFromHost } from './host.ts'
import { GANTRY_HOME } from './releases.ts'
import { removeService } from './service.ts'

/** Directories of the daemon: images and records, and the state of pods. */
const DATA = ['/var/lib/gantry', '/run/gantry', '/etc/gantry']
const PODS = '/run/gantry/pods'

/**
 * Takes everything of Gantry off a node, the images too.
 *
 * @throws GantryError `failed_precondition` while pods of Gantry run there: they would go on without anybody to end them.
 */
export async function removeGantry(host: Host): Promise<void> {
  const pods = await host.run('ls', ['-A', PODS]).catch(() => '')
  if (pods.trim() !== '') {
    throw new GantryError('failed_precondition', {
      action: 'remove Gantry from the node',
      reason: `${pods.trim().split('\n').length} pods of it are still there`,
      hint: 'evict them first; gantry ps names them',
    })
  }
  await removeService(host)
  for (const path of [...DATA, GANTRY_HOME]) await removeFromHost(host, path)
  await removeRecord(host)
}

/** Whether anything of Gantry is on the node. */
export async function isOnNode(host: Host): Promise<boolean> {
  return access(host.path(GANTRY_HOME)).then(
    () => true,
    () => false,
  )
}
