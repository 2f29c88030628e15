// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { LayeredView } from './view.ts'

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW

/**
 * Gives directories that a layer's archive left out the attributes they have in the layers below: in overlayfs the
 * newest directory's attributes are the ones that show, and 0755 root would change them.
 *
 * Every component is opened by way of its parent's descriptor and without following links, so that nothing a layer
 * contains leads out of it.
 *
 * @param implicit byte strings relative to `directory`, parents first
 */
export async function adoptParents(directory: string, implicit: readonly string[], lower: LayeredView): Promise<void> {
  for (const relative of implicit) {
    const components = relative.split('/').filter((component) => component !== '')
    const stats = await lower.directoryStats(components)
    if (stats === undefined) continue
    const handle = await openBelow(directory, components)
    try {
      await handle.chown(stats.uid, stats.gid)
      await handle.chmod(stats.mode & 0o7777)
      await handle.utimes(stats.atimeMs / 1000, stats.mtimeMs / 1000)
    } finally {
      await handle.close()
    }
  }
}

async function openBelow(directory: string, components: readonly string[]): Promise<FileHandle> {
  let handle = await open(directory, DIRECTORY)
  for (const component of components) {
    try {
      const name = Buffer.concat([Buffer.from(`/proc/self/fd/${handle.fd}/`), Buffer.from(component, 'latin1')])
      const next = await open(name, DIRECTORY)
      await handle.close()
      handle = next
    } catch (error) {
      await handle.close()
      throw error
    }
  }
  return handle
}
