// SPDX-License-Identifier: Apache-2.0
import { readdirSync } from 'node:fs'
import { GantryError } from '../../../runtime-core/errors.ts'
import { type Kernel, MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_REMOUNT } from './kernel.ts'
import { assembleFilter } from './seccomp.ts'

/**
 * Shut this process into `directory` for good. It must have been started in a mount namespace of its own, with only
 * the capabilities that unpacking needs in its bounding set (see worker.ts): pivot_root moves every thread whose root
 * is the old one, and the filter binds every thread, so nothing of this process keeps the host in sight.
 *
 * Nodes of devices can be made but not opened (nodev), programs not run, files not mapped executable (noexec).
 *
 * @throws GantryError
 */
export function confine(kernel: Kernel, directory: string, machine: string): void {
  kernel.mount(directory, directory, '', MS_BIND)
  kernel.mount('none', directory, '', MS_BIND | MS_REMOUNT | MS_NODEV | MS_NOSUID | MS_NOEXEC)
  process.chdir(directory)
  // pivot_root(2), "pivot_root(".", ".")": the old root lies on top of the new one and is taken away.
  kernel.pivotRoot('.', '.')
  kernel.unmountDetached('.')
  process.chdir('/')
  kernel.installFilter(assembleFilter(machine))
  const left = readdirSync('/')
  if (left.length > 0) {
    throw new GantryError('internal', { action: 'confine', subject: directory, reason: 'the new root is not empty' })
  }
}
