// SPDX-License-Identifier: Apache-2.0

/** One line of /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
export interface MountEntry {
  readonly id: number
  /** Of the file system that is mounted: `/` or a path in it. */
  readonly root: string
  readonly mountPoint: string
  /** How it passes on mounts made below it: `shared:N`, `master:N` and the like. */
  readonly propagation: readonly string[]
  readonly type: string
  readonly source: string
  /** Of the file system, separated by commas. */
  readonly superOptions: string
}

/** id parent dev root mountpoint options [fields…] - type source superoptions; other lines are left out. */
export function parseMountInfo(text: string): readonly MountEntry[] {
  return text.split('\n').flatMap((line) => {
    const [left = '', right] = line.split(' - ', 2)
    const [id, , , root, mountPoint, , ...propagation] = left.split(' ')
    if (root === undefined || mountPoint === undefined || right === undefined) return []
    const [type = '', source = '', superOptions = ''] = right.split(' ')
    return [
      {
        id: Number(id),
        root: fromOctal(root),
        mountPoint: fromOctal(mountPoint),
        propagation,
        type,
        source: fromOctal(source),
        superOptions,
      },
    ]
  })
}

/**
 * The mount that holds a path: of the longest mount point above it the last, which lies over earlier ones.
 *
 * @param path Absolute, symbolic links resolved.
 */
export function mountHolding(mounts: readonly MountEntry[], path: string): MountEntry | undefined {
  let found: MountEntry | undefined
  for (const mount of mounts) {
    const { mountPoint } = mount
    const above = mountPoint === '/' ? '/' : `${mountPoint}/`
    if (`${path}/`.startsWith(above) && mountPoint.length >= (found?.mountPoint.length ?? 0)) found = mount
  }
  return found
}

/** Space, tab, newline and backslash are written in octal. */
function fromOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
