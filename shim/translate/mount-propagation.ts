// SPDX-License-Identifier: Apache-2.0

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
  let found: MountPropagationFact | undefined
  for (const line of mountinfo.split('\n')) {
    const fields = line.split(' ')
    const separator = fields.indexOf('-', 6)
    const rawPoint = fields[4]
    if (rawPoint === undefined || separator === -1) continue
    const mountPoint = withoutEscapes(rawPoint)
    // A later mount on the same point lies over the earlier one.
    if (!holds(mountPoint, path) || mountPoint.length < (found?.mountPoint.length ?? 0)) continue
    const optional = fields.slice(6, separator)
    found = {
      mountPoint,
      shared: optional.some((field) => field.startsWith('shared:')),
      slave: optional.some((field) => field.startsWith('master:')),
    }
  }
  return found
}

function holds(mountPoint: string, path: string): boolean {
  return path === mountPoint || path.startsWith(mountPoint === '/' ? '/' : `${mountPoint}/`)
}

/** The kernel writes space, tab, newline and backslash as octal. */
function withoutEscapes(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
