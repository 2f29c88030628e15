// SPDX-License-Identifier: Apache-2.0

import { rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../errors.ts'
import type { OciResources } from '../spec/types.ts'
import type { CgroupHost } from './detect.ts'
import {
  type CgroupOptions,
  type CgroupPlan,
  compileCgroup,
  compileUpdate,
  mergeResources,
  type UpdateOptions,
} from './manager.ts'
import { cgroupPathOf, parentPathOf } from './path.ts'
import type { CgroupUnit } from './plan.ts'
import { removeCgroup } from './remove.ts'
import { applyUpdate } from './update.ts'

/** Who makes and removes containers' cgroups. Both do the same to the kernel; one of them asks systemd for it. */
export interface CgroupDriver {
  readonly name: 'cgroupfs' | 'systemd'
  /** See compileCgroup. Pure: nothing is made. */
  compile(cgroupsPath: string, resources: OciResources, options?: CgroupOptions): CgroupPlan
  /**
   * Changes a living container's limits: all of it or, on an error, none.
   *
   * @param before what is in force
   * @param change see compileUpdate
   */
  update(cgroupsPath: string, before: OciResources, change: OciResources, options?: UpdateOptions): Promise<void>
  /**
   * Makes the unit of a plan that has one, with a process in it, which may leave it when the container is there.
   *
   * @param pid a living process of nobody's else
   */
  startUnit(unit: CgroupUnit, pid: number): Promise<void>
  /** Sets what could not be set while that process was there. */
  settleUnit(unit: CgroupUnit): Promise<void>
  /** Removes a container's cgroup. Its processes are gone, or are ended by it. A missing one is fine. */
  remove(cgroupsPath: string): Promise<void>
  /** Removes a pod's cgroup with those of its ancestors that are empty then; what is in use stays. */
  removeParent(cgroupParent: string): Promise<void>
}

/** What containers without a cgroup_parent are below. */
const DEFAULT_PARENT = '/gantry'

/** Directories made and removed by us. */
export class CgroupfsDriver implements CgroupDriver {
  readonly name = 'cgroupfs'
  readonly #host: CgroupHost

  constructor(host: CgroupHost) {
    this.#host = host
  }

  compile(cgroupsPath: string, resources: OciResources, options: CgroupOptions = {}): CgroupPlan {
    return compileCgroup(this.#host, cgroupPathOf(cgroupsPath), resources, options)
  }

  async update(
    cgroupsPath: string,
    before: OciResources,
    change: OciResources,
    options: UpdateOptions = {},
  ): Promise<void> {
    const path = cgroupPathOf(cgroupsPath)
    const forth = compileUpdate(this.#host, path, before, change, options)
    const back = () => compileUpdate(this.#host, path, mergeResources(before, change), withoutDevices(before), options)
    await applyUpdate(forth, back)
  }

  async startUnit(): Promise<void> {
    // Its plans have none.
  }

  async settleUnit(): Promise<void> {
    // Its plans have none.
  }

  async remove(cgroupsPath: string): Promise<void> {
    await removeCgroup(this.compile(cgroupsPath, {}).leaves)
  }

  async removeParent(cgroupParent: string): Promise<void> {
    await removeEmptyAncestry(this.#host, parentPathOf(cgroupParent) || DEFAULT_PARENT)
  }
}

/** What compileUpdate takes: device rules cannot be changed. */
export function withoutDevices({ devices: _, ...limits }: OciResources): OciResources {
  return limits
}

/** Removes a cgroup of every hierarchy where nobody is in it, and so on upwards. */
export async function removeEmptyAncestry(host: CgroupHost, path: string): Promise<void> {
  const parts = path.split('/').filter((part) => part !== '')
  for (const root of cgroupRoots(host)) {
    for (let depth = parts.length; depth > 0; depth--) {
      const failure = await rmdir(join(root, ...parts.slice(0, depth))).then(() => undefined, errnoOf)
      // Busy or not empty: somebody else lives there. Gone: fine, its ancestors may still be ours.
      if (failure !== undefined && failure !== 'ENOENT') break
    }
  }
}

/** Every hierarchy a container has a directory in; a hybrid host has the unified one beside those of v1. */
export function cgroupRoots({ unifiedMount, v1 }: CgroupHost): string[] {
  return [...new Set([...v1.values(), ...(unifiedMount === undefined ? [] : [unifiedMount])])]
}
