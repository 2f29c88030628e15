// SPDX-License-Identifier: Apache-2.0
import { chmod, chown, mkdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { GantryError } from '../../../runtime-core/errors.ts'
import type { Discarded, Trash } from '../removal.ts'

/**
 * What the runtime core mounts as a container's root, inside the container's own mount namespace: nothing of it is
 * mounted on the host.
 */
export interface OverlayMount {
  /** Newest first, as overlayfs wants them. */
  readonly lowerdirs: readonly string[]
  readonly upperdir: string
  readonly workdir: string
  readonly readonly: boolean
}

/** The writable directories of containers, `<root>/containers/<id>/{upper,work}`. */
export class Snapshots {
  /** Holds a directory for each container. */
  readonly root: string
  readonly #trash: Trash

  constructor(options: { root: string; trash: Trash }) {
    this.root = path.join(options.root, 'containers')
    this.#trash = options.trash
  }

  /**
   * Make a container's directories and describe its mount. Repeating it is harmless.
   *
   * @param layers directories of the image, oldest first
   * @throws GantryError internal, resource_exhausted
   */
  async prepare(containerId: string, layers: readonly string[], readonly: boolean): Promise<OverlayMount> {
    const lowerdirs = layers.toReversed()
    const [top] = lowerdirs
    if (top === undefined) {
      throw new GantryError('failed_precondition', {
        action: 'prepare root of',
        subject: containerId,
        reason: 'the image has no layers',
      })
    }
    const directory = this.directoryOf(containerId)
    const upperdir = path.join(directory, 'upper')
    const workdir = path.join(directory, 'work')
    try {
      // 0711: a user namespace's root must be able to pass, nobody to look around.
      await mkdir(directory, { recursive: true, mode: 0o711 })
      await mkdir(upperdir, { recursive: true, mode: 0o755 })
      await mkdir(workdir, { recursive: true, mode: 0o711 })
      // The attributes of "/" that a container sees are the upper directory's.
      const { uid, gid, mode } = await stat(top)
      await chown(upperdir, uid, gid)
      await chmod(upperdir, mode & 0o7777)
    } catch (cause) {
      throw new GantryError('internal', { action: 'prepare root of', subject: containerId, cause })
    }
    return { lowerdirs, upperdir, workdir, readonly }
  }

  /** Throw a container's directories away; tells when their space is free. A container without any is no error. */
  remove(containerId: string): Promise<Discarded> {
    return this.#trash.discard(this.directoryOf(containerId))
  }

  /** `<root>/containers/<id>`; the id is a name of ours, never input. */
  directoryOf(containerId: string): string {
    if (!/^[A-Za-z0-9_.-]+$/.test(containerId) || containerId.startsWith('.')) {
      throw new GantryError('invalid_argument', { action: 'find root of', subject: containerId, reason: 'not an id' })
    }
    return path.join(this.root, containerId)
  }
}
