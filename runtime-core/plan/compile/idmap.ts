// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../errors.ts'
import type { OciMount } from '../../spec/types.ts'
import { forPurpose, type Op, op } from '../ops.ts'
import type { MountOptions } from './mount-options.ts'
import { describe } from './mount-target.ts'
import { RECURSIVE, type SparePool } from './slots.ts'
import { hasMappingsOf, mapText, type UserNamespace } from './user-namespace.ts'

/**
 * Id-mapped mounts (config.md §mounts, `uidMappings`, `idmap`, `ridmap`; mount_setattr(2) MOUNT_ATTR_IDMAP). A mapping is
 * that of a user namespace: the container's own, or one made for it. Mounts with the same mappings share one.
 */
export class IdMappings {
  /** Makes the namespaces. */
  readonly prepare: Op[] = []
  readonly #user: UserNamespace | undefined
  readonly #pool: SparePool
  readonly #slots = new Map<string, number>()

  constructor(user: UserNamespace | undefined, pool: SparePool) {
    this.#user = user
    this.#pool = pool
  }

  areOf({ uidMappings = [], gidMappings = [] }: OciMount, { idmap }: MountOptions): boolean {
    return idmap !== 'no' || uidMappings.length + gidMappings.length > 0
  }

  /** For the detached mount in `slot`; with `ridmap` for all that is below it, too. */
  apply(mount: OciMount, options: MountOptions, slot: number): Op[] {
    if (!this.areOf(mount, options)) return []
    return [op('idmap_mount', slot, this.#namespaceOf(mount), options.idmap === 'ridmap' ? RECURSIVE : 0)]
  }

  #namespaceOf(mount: OciMount): number {
    const { uidMappings = [], gidMappings = [] } = mount
    if (uidMappings.length + gidMappings.length === 0) {
      if (this.#user !== undefined) return this.#user.slot
      const reason = 'it is to be id-mapped, but neither the mount nor the container has mappings'
      throw new GantryError('invalid_argument', { action: describe(mount), reason })
    }
    if (this.#user !== undefined && hasMappingsOf(mount, this.#user)) return this.#user.slot
    const maps = [mapText(uidMappings), mapText(gidMappings)] as const
    const known = this.#slots.get(maps.join())
    if (known !== undefined) return known
    const made = this.#pool.take(describe(mount))
    this.#slots.set(maps.join(), made)
    this.prepare.push(...forPurpose(`map ids for ${describe(mount)}`, [op('make_user_namespace', made, ...maps)]))
    return made
  }
}
