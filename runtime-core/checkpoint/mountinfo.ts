// SPDX-License-Identifier: Apache-2.0

/** One line of /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
export interface MountEntry {
  readonly id: number
  /** Of the file system that is mounted: `/` or a path in it. */
  readonly root: string
  readonly mountPoint: string
  readonly type: string
}

export function parseMountInfo(text: string): readonly MountEntry[] {
  return text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ')
    const [id, , , root, mountPoint] = before.split(' ')
    if (id === undefined || root === undefined || mountPoint === undefined) return []
    return [
      { id: Number(id), root: fromOctal(root), mountPoint: fromOctal(mountPoint), type: after.split(' ')[0] ?? '' },
    ]
  })
}

/** Space, tab, newline and backslash are written in octal. */
function fromOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
