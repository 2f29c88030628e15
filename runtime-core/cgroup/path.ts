// SPDX-License-Identifier: Apache-2.0

import { GantryError } from '../errors.ts'
import { expandSlice, isScopePath, parseScopePath } from './systemd-path.ts'

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

/**
 * `linux.cgroupsPath` below the cgroup mounts, in whichever form: a path, or systemd's `slice:prefix:name`. Each says what
 * it is, so that containers of before a change of the driver are found, too.
 */
export function cgroupPathOf(cgroupsPath: string): string {
  return isScopePath(cgroupsPath) ? parseScopePath(cgroupsPath).path : normalizeCgroupsPath(cgroupsPath)
}

/** A pod's `cgroup_parent` below the cgroup mounts: a path, or a slice (also told as a path, whose last part it is). */
export function parentPathOf(cgroupParent: string): string {
  const last = cgroupParent.slice(cgroupParent.lastIndexOf('/') + 1)
  return last.endsWith('.slice') ? expandSlice(last) : cgroupParent
}

/** Every directory of `path` below `mount`, parents first: `/m/a`, `/m/a/b`. */
export function directoriesOf(mount: string, path: string): string[] {
  const parts = path.slice(1).split('/')
  return parts.map((_, depth) => `${mount}/${parts.slice(0, depth + 1).join('/')}`)
}
