// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../errors.ts'
import { forPurpose, type Op, op } from '../ops.ts'

/**
 * Kernel parameters (config-linux.md §sysctl), written through the host's /proc: a namespaced parameter is that of the
 * writer's namespaces. Whether a parameter is namespaced is the caller's rule.
 *
 * @throws GantryError `invalid_argument` for a name that would leave /proc/sys.
 */
export function compileSysctls(sysctls: Readonly<Record<string, string>>): Op[] {
  return Object.entries(sysctls).flatMap(([name, value]) => {
    if (!/^[a-z0-9_-]+([./][A-Za-z0-9_:*-]+)+$/.test(name)) {
      throw new GantryError('invalid_argument', {
        action: 'read sysctl',
        subject: name,
        reason: 'not a parameter name',
      })
    }
    return forPurpose(`set sysctl "${name}"`, [op('write_file', undefined, `/proc/sys/${sysctlPath(name)}`, value)])
  })
}

/** sysctl(8): whichever of `.` and `/` comes first separates; the other stands for itself, swapped. */
function sysctlPath(name: string): string {
  const dotFirst = name.search(/[./]/) === name.indexOf('.')
  return dotFirst ? name.replace(/[./]/g, (c) => (c === '.' ? '/' : '.')) : name
}
