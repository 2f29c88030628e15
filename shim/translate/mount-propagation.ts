// SPDX-License-Identifier: Apache-2.0
import { mountHolding, parseMountInfo } from '../../runtime-core/kernel/mountinfo.ts'

/** How the mount that holds a path passes on mounts made below it. */
export interface MountPropagationFact {
  readonly mountPoint: string
  /** Mounts pass both ways. */
  readonly shared: boolean
  /** Mounts pass from its master. */
  readonly slave: boolean
}

/**
 * Finds the mount that holds a path.
 *
 * @param mountinfo Text of /proc/self/mountinfo; proc_pid_mountinfo(5).
 * @param path Absolute, symbolic links resolved.
 * @returns Undefined where no line holds the path.
 */
export function mountPropagation(mountinfo: string, path: string): MountPropagationFact | undefined {
  const mount = mountHolding(parseMountInfo(mountinfo), path)
  if (mount === undefined) return undefined
  const { mountPoint, propagation } = mount
  return {
    mountPoint,
    shared: propagation.some((field) => field.startsWith('shared:')),
    slave: propagation.some((field) => field.startsWith('master:')),
  }
}
