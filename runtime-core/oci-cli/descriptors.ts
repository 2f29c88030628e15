// SPDX-License-Identifier: Apache-2.0
import { fstatSync } from 'node:fs'
import { resolve } from 'node:path'
import { GantryError } from '../errors.ts'
import { type Op, op, SLOTS } from '../plan/ops.ts'
import type { OciProcess } from '../spec/types.ts'

/** What the caller wants to be told and given of a process it starts. */
export interface ProcessLinks {
  readonly 'console-socket': string | undefined
  readonly 'pidfd-socket': string | undefined
  readonly 'pid-file': string | undefined
  readonly 'preserve-fds': number | undefined
}

/** Longest path of a unix socket (unix(7)). */
const MAX_SOCKET_PATH = 107

/**
 * The combinations that runc refuses, for there would be nobody at the terminal's other end.
 *
 * @throws GantryError `invalid_argument`.
 */
export function checkTerminal(terminal: boolean, detach: boolean, consoleSocket: string | undefined): void {
  if (detach && terminal && !consoleSocket) {
    throw new GantryError('invalid_argument', {
      action: 'cannot allocate tty if runc will detach without setting console socket',
    })
  }
  if ((!detach || !terminal) && consoleSocket) {
    throw new GantryError('invalid_argument', {
      action: 'cannot use console socket if runc will not detach or allocate tty',
    })
  }
}

/** What the parent does when everything but the program is there. */
export function linkOps(links: ProcessLinks): Op[] {
  const console = socketPath(links['console-socket'])
  const pidfd = socketPath(links['pidfd-socket'])
  return [
    ...(console === undefined ? [] : [op('send_to_socket', SLOTS.pty, console, '/dev/ptmx')]),
    ...(pidfd === undefined ? [] : [op('send_to_socket', SLOTS.childPidfd, pidfd, 'pidfd')]),
    ...(links['pid-file'] ? [op('write_pid_file', resolve(links['pid-file']))] : []),
  ]
}

function socketPath(path: string | undefined): string | undefined {
  if (path === undefined || path === '') return undefined
  const absolute = resolve(path)
  if (Buffer.byteLength(absolute) > MAX_SOCKET_PATH) {
    throw new GantryError('invalid_argument', {
      action: 'connect to socket',
      subject: absolute,
      reason: `a path has at most ${MAX_SOCKET_PATH} bytes`,
    })
  }
  return absolute
}

/** Descriptors that are the program's beside the standard streams, and its environment that says so. */
export interface Inherited {
  readonly count: number
  readonly process: OciProcess
}

/**
 * `--preserve-fds` and socket activation (sd_listen_fds(3)): descriptors from 3 on are handed to the program.
 *
 * @throws GantryError `invalid_argument` for one that is not open.
 */
export function inheritDescriptors(
  process_: OciProcess,
  preserve: number | undefined,
  env: NodeJS.ProcessEnv,
): Inherited {
  const listen = env['LISTEN_PID'] === String(process.pid) ? Number(env['LISTEN_FDS'] ?? 0) : 0
  const preserved = preserve ?? 0
  for (let n = 0; n < preserved; n++) requireOpen(3 + listen + n, n, preserved)
  const own = listen === 0 ? [] : [`LISTEN_FDS=${listen}`, 'LISTEN_PID=1']
  return {
    count: listen + preserved,
    process: own.length === 0 ? process_ : { ...process_, env: [...(process_.env ?? []), ...own] },
  }
}

function requireOpen(fd: number, n: number, count: number): void {
  try {
    fstatSync(fd)
  } catch (cause) {
    throw new GantryError('invalid_argument', {
      action: `unable to stat preserved-fd ${n} (of ${count})`,
      subject: `fd ${fd}`,
      cause,
    })
  }
}
