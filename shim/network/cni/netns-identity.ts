// SPDX-License-Identifier: Apache-2.0
import { readlink, stat } from 'node:fs/promises'
import { errnoOf } from '../../../runtime-core/errors.ts'

/**
 * Says which namespace a path leads to, `net:[4026532345]`, or undefined when it leads to none.
 * A path such as `/proc/<pid>/fd/<n>` speaks of another namespace, or of none, once the pid was reused: before a plugin
 * may delete interfaces there, the identity is compared with the one at ADD.
 */
export async function netnsIdentity(path: string): Promise<string | undefined> {
  try {
    // links of /proc tell without following them: nothing that hangs can be at the other end
    const target = await readlink(path)
    return /^net:\[\d+\]$/.test(target) ? target : undefined
  } catch (error) {
    if (errnoOf(error) !== 'EINVAL') return undefined
  }
  return await boundIdentity(path)
}

/** The path, if it still leads to the namespace `expected` (when known); else empty, which DEL takes for "gone". */
export async function safeNetns(path: string | undefined, expected: string | undefined): Promise<string> {
  if (path === undefined || path === '') return ''
  const found = await netnsIdentity(path)
  return found !== undefined && (expected === undefined || found === expected) ? path : ''
}

/** A namespace bound to a file, as `ip netns` does it: the inode number is the same. */
async function boundIdentity(path: string): Promise<string | undefined> {
  try {
    const [found, own] = await Promise.all([stat(path), stat('/proc/self/ns/net')])
    // all namespaces of a kernel lie on its one nsfs
    return found.dev === own.dev ? `net:[${found.ino}]` : undefined
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}
