// SPDX-License-Identifier: Apache-2.0
import { errnoOf } from '../../../runtime-core/errors.ts'
import type { Kernel, Path } from './kernel.ts'
import type { TarEntry } from './tar-entry.ts'

/**
 * Set a member's extended attributes. Overlayfs's own attributes are never taken from an archive: they could redirect
 * a directory to another one of the host's layers. What the file system or the kernel's security modules do not know
 * is left out; a capability that cannot be set is an error, since the program would not work without it.
 *
 * @throws GantryError
 */
export function applyXattrs(kernel: Kernel, at: Path, entry: TarEntry): void {
  for (const [name, value] of entry.xattrs) {
    if (/^(?:trusted|user)\.overlay\./.test(name)) continue
    try {
      kernel.setXattr(at, name, value)
    } catch (error) {
      if (!isTolerable(name, errnoOf(error))) throw error
    }
  }
}

function isTolerable(name: string, errno: string | undefined): boolean {
  if (errno === 'EOPNOTSUPP' || errno === 'ENOTSUP') return true
  // user.* exists on files and directories only; labels belong to a module this kernel may lack.
  return errno === 'EPERM' && name !== 'security.capability'
}
