// SPDX-License-Identifier: Apache-2.0

import { GantryError } from '../errors.ts'

/** `/a/b`, without dots, doubled or trailing slashes. */
export function normalizeCgroupsPath(cgroupsPath: string): string {
  const parts = cgroupsPath.split('/').filter((part) => part !== '')
  const wrong = parts.length === 0 || parts.some((part) => part === '.' || part === '..' || hasControl(part))
  if (wrong || cgroupsPath.length > 4000) {
    throw new GantryError('invalid_argument', {
      action: 'place cgroup',
      subject: cgroupsPath.slice(0, 200),
      reason: 'linux.cgroupsPath is expected to be a path below the cgroup root, without "." and ".."',
    })
  }
  return `/${parts.join('/')}`
}

/** A newline in a name would forge lines of /proc/pid/cgroup, which others parse. */
function hasControl(part: string): boolean {
  return [...part].some((character) => character < ' ')
}

/** Every directory of `path` below `mount`, parents first: `/m/a`, `/m/a/b`. */
export function directoriesOf(mount: string, path: string): string[] {
  const parts = path.slice(1).split('/')
  return parts.map((_, depth) => `${mount}/${parts.slice(0, depth + 1).join('/')}`)
}
