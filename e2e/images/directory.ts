// SPDX-License-Identifier: Apache-2.0
import { lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { LayerEntry } from '../../deploy/image/tar.ts'
import { GantryError } from '../../runtime-core/errors.ts'

/** How a directory of the host becomes entries of a layer. */
export interface DirectoryOptions {
  /** Where the directory's content stands in the image; its root where not given. */
  readonly under?: string
  /** `keep` takes numeric owners from the host; the default is root for all, the same on every machine. */
  readonly owners?: 'root' | 'keep'
}

/**
 * The content of a host directory as layer entries, sorted by name, hard links kept, times dropped. Sockets and
 * devices are refused: a build that meets one has been pointed at the wrong place.
 */
export async function entriesOfDirectory(directory: string, options: DirectoryOptions = {}): Promise<LayerEntry[]> {
  const entries: LayerEntry[] = []
  const firstPath = new Map<string, string>()
  const visit = async (hostPath: string, path: string): Promise<void> => {
    const found = await lstat(hostPath)
    const owner = options.owners === 'keep' ? { uid: found.uid, gid: found.gid } : {}
    const mode = found.mode & 0o7777
    if (found.isDirectory()) {
      if (path !== '') entries.push({ kind: 'directory', path, mode, ...owner })
      for (const name of (await readdir(hostPath)).sort()) await visit(join(hostPath, name), `${path}/${name}`)
    } else if (found.isSymbolicLink()) {
      entries.push({ kind: 'symlink', path, target: await readlink(hostPath), ...owner })
    } else if (found.isFile()) {
      const inode = `${found.dev}:${found.ino}`
      const target = found.nlink > 1 ? firstPath.get(inode) : undefined
      if (target !== undefined) entries.push({ kind: 'hardlink', path, target, ...owner })
      else entries.push({ kind: 'host-file', path, mode, hostPath, ...owner })
      firstPath.set(inode, target ?? path)
    } else {
      throw new GantryError('invalid_argument', {
        action: 'pack file',
        subject: hostPath,
        reason: 'neither file, directory nor link',
      })
    }
  }
  await visit(directory, options.under ?? '')
  return entries
}
