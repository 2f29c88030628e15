// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf, GantryError } from '../../runtime-core/errors.ts'

/** The node as whoever changes it reaches it. Paths are those that the node itself has for its files. */
export interface Host {
  /** Where a file of the node is for this process. */
  path(hostPath: string): string
  /** Runs a program of the node to its end. @returns its standard output. @throws GantryError with its last line. */
  run(program: string, args: readonly string[]): Promise<string>
}

const TIMEOUT_MS = 90_000
const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  // systemctl(1): in a chroot it does nothing, unless told that this is meant.
  SYSTEMD_IGNORE_CHROOT: '1',
}

/** The node whose root is at `root`: `/` where this runs on it, a mount of it where this runs in a pod. */
export function hostAt(root: string): Host {
  return {
    path: (hostPath) => join(root, hostPath),
    run: (program, args) => (root === '/' ? execute(program, args) : execute('chroot', [root, program, ...args])),
  }
}

function execute(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: TIMEOUT_MS, killSignal: 'SIGKILL', env: ENVIRONMENT, cwd: '/' } as const
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      const said = stderr.trim().split('\n').at(-1)
      const reason = error.killed === true ? `no end within ${TIMEOUT_MS / 1000} s` : said
      reject(
        new GantryError('internal', {
          action: 'run on the node',
          subject: [program, ...args].join(' '),
          ...(reason === undefined || reason === '' ? { cause: error } : { reason }),
        }),
      )
    })
  })
}

/** The text of a file of the node; undefined where there is none. */
export async function readHostFile(host: Host, hostPath: string): Promise<string | undefined> {
  try {
    return await readFile(host.path(hostPath), 'utf8')
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT' || errnoOf(cause) === 'ENOTDIR') return undefined
    throw new GantryError('internal', { action: 'read file of the node', subject: hostPath, cause })
  }
}

/** Puts a file on the node, whole or not at all. @returns whether anything changed. */
export async function writeHostFile(host: Host, hostPath: string, text: string, mode = 0o644): Promise<boolean> {
  if ((await readHostFile(host, hostPath)) === text) return false
  const unfinished = `${host.path(hostPath)}.new`
  try {
    await mkdir(dirname(unfinished), { recursive: true })
    await writeFile(unfinished, text, { mode, flush: true })
    await rename(unfinished, host.path(hostPath))
  } catch (cause) {
    throw new GantryError('internal', { action: 'write file of the node', subject: hostPath, cause })
  }
  return true
}

/** Removes a file or directory of the node, if it is there. */
export async function removeFromHost(host: Host, hostPath: string): Promise<void> {
  try {
    await rm(host.path(hostPath), { recursive: true, force: true })
  } catch (cause) {
    throw new GantryError('internal', { action: 'remove from the node', subject: hostPath, cause })
  }
}
