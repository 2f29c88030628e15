// SPDX-License-Identifier: Apache-2.0
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { errnoOf } from '../errors.ts'
import type { OciProcess } from '../spec/types.ts'

/** Of a file of the image, which may be of any size. */
const MAX_PASSWD_BYTES = 1024 * 1024

/**
 * The process with a HOME: where its environment has none, that of its user in the container's /etc/passwd, and `/` for
 * one that is not there, as runc has it.
 *
 * @param root The container's root directory, on the host or as /proc/PID/root.
 */
export function withHome(process: OciProcess, root: string): OciProcess {
  const env = process.env ?? []
  if (env.some((entry) => entry.startsWith('HOME=') && entry !== 'HOME=')) return process
  const home = homeOf(process.user?.uid ?? 0, readPasswd(root))
  return { ...process, env: [...env.filter((entry) => entry !== 'HOME='), `HOME=${home}`] }
}

/** passwd(5): name, password, uid, gid, comment, directory, shell. */
export function homeOf(uid: number, passwd: string): string {
  const rows = passwd.split('\n').map((line) => line.split(':'))
  const home = rows.find((row) => row.length >= 6 && row[2] === String(uid))?.[5]
  return home === undefined || home === '' ? '/' : home
}

/** Links of the image are not followed: from here they would lead into the host. */
function readPasswd(root: string): string {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants
  let directory: number | undefined
  let file: number | undefined
  try {
    directory = openSync(`${root}/etc`, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    file = openSync(`/proc/self/fd/${directory}/passwd`, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    if (!fstatSync(file).isFile()) return ''
    const bytes = Buffer.alloc(Math.min(fstatSync(file).size, MAX_PASSWD_BYTES))
    return bytes.toString('latin1', 0, readSync(file, bytes, 0, bytes.length, 0))
  } catch (error) {
    // An image need have no users.
    if (errnoOf(error) !== undefined) return ''
    throw error
  } finally {
    if (file !== undefined) closeSync(file)
    if (directory !== undefined) closeSync(directory)
  }
}
