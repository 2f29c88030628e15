// SPDX-License-Identifier: Apache-2.0
import { readlinkSync } from 'node:fs'
import { posix } from 'node:path'
import { errnoOf } from '../errors.ts'

/** As the kernel's (path_resolution(7)). */
const MAX_LINKS = 40

/**
 * Follows symbolic links of an absolute path as a process with that root would. What is missing is taken as it stands.
 *
 * @param root `/proc/PID/root` or a directory.
 */
export function resolveInRoot(root: string, path: string): string {
  let links = 0
  let done = ''
  const rest = path.split('/')
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === '' || name === '.') continue
    if (name === '..') {
      done = posix.dirname(done === '' ? '/' : done).replace(/^\/$/, '')
      continue
    }
    const target = links < MAX_LINKS ? readLink(`${root}${done}/${name}`) : undefined
    if (target === undefined) {
      done = `${done}/${name}`
      continue
    }
    links++
    if (target.startsWith('/')) done = ''
    rest.unshift(...target.split('/'))
  }
  return done === '' ? '/' : done
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch (error) {
    // EINVAL: no link.
    if (['EINVAL', 'ENOENT', 'ENOTDIR', 'EACCES'].includes(errnoOf(error) ?? '')) return undefined
    throw error
  }
}
