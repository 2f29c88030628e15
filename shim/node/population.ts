// SPDX-License-Identifier: Apache-2.0
import type { RuntimeNode } from './node.ts'

/** How many of what there is, for the metrics; from memory. */
export function population({ objects }: RuntimeNode) {
  const sandboxes = { ready: 0, notready: 0 }
  const containers = { created: 0, running: 0, exited: 0, unknown: 0 }
  let keepers = 0
  for (const { record, pod } of objects.sandboxes.values()) {
    if (pod !== undefined) keepers++
    if (record.state === 'ready') sandboxes.ready++
    else if (record.state !== 'creating') sandboxes.notready++
  }
  for (const { record } of objects.containers.values()) {
    if (record.state === 'created' || record.state === 'running') containers[record.state]++
    else if (record.state !== 'creating') containers.exited++
  }
  return { sandboxes, containers, keepers }
}
