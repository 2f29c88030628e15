// SPDX-License-Identifier: Apache-2.0
import { posix } from 'node:path'
import { invalidField } from './invalid-field.ts'

/** Begins the names of our scopes: `gantry-<id>.scope`. */
const SCOPE_PREFIX = 'gantry'

export type CgroupDriver = 'cgroupfs' | 'systemd'

/**
 * `cgroupsPath` of a container, in the form of the driver: a path below the pod's cgroup, or `slice:prefix:id`.
 *
 * @param parent The pod's `cgroup_parent`; `""` puts the container below `/gantry` or `system.slice`.
 * @throws GantryError invalid_argument when the parent is not of the driver's form: kubelet and runtime then disagree
 * about the driver.
 */
export function cgroupsPath(driver: CgroupDriver, parent: string, containerId: string): string {
  checkParent(parent)
  const last = posix.basename(parent)
  const isSlice = last.endsWith('.slice')
  if (driver === 'systemd') {
    if (parent !== '' && !isSlice) throw unlike(parent, 'a slice, as the cgroup driver is systemd')
    return `${isSlice ? last : 'system.slice'}:${SCOPE_PREFIX}:${containerId}`
  }
  if (isSlice) throw unlike(parent, 'no slice, as the cgroup driver is cgroupfs')
  return posix.join('/', parent || SCOPE_PREFIX, containerId)
}

function checkParent(parent: string): void {
  const parts = parent.split('/')
  if (parent.includes('\0') || parts.includes('..') || parts.includes('.'))
    throw unlike(parent, 'a path without . and ..')
}

function unlike(parent: string, expected: string) {
  return invalidField('sandbox_config.linux.cgroup_parent', parent, expected)
}
