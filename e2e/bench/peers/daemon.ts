// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { createCriClient } from '../../../cri-proto/index.ts'
import { GantryError } from '../../../runtime-core/errors.ts'

export interface DaemonCommand {
  readonly program: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** What it says goes there. */
  readonly logPath: string
  /** `unix:///…`: ready when this answers Version. */
  readonly socket: string
}

/** A daemon that answered. */
export interface Daemon {
  readonly pid: number
  /** SIGTERM, and SIGKILL if that does not help within ten seconds. */
  stop(): Promise<void>
}

/** After its `spawn` event a child has a pid. */
type StartedChild = ChildProcess & { readonly pid: number }

const READY_TIMEOUT_MS = 30_000
const STOP_TIMEOUT_MS = 10_000
const POLL_MS = 50

/**
 * Starts a daemon and waits until its socket answers.
 *
 * @throws GantryError with the end of its log, when it ends or is not ready in time
 */
export async function startDaemon(command: DaemonCommand): Promise<Daemon> {
  const child = await spawnLogged(command)
  try {
    await waitReady(child, command)
    return { pid: child.pid, stop: () => stopChild(child) }
  } catch (cause) {
    await stopChild(child)
    const said = (await readFile(command.logPath, 'utf8')).trim().split('\n').slice(-5).join('\n')
    const reason = said === '' ? 'it logged nothing' : said
    throw new GantryError('unavailable', { action: 'start', subject: command.program, reason, cause })
  }
}

/** In a session of its own: Ctrl-C at the terminal is for the bench, which then stops the daemon in order. */
async function spawnLogged({ program, args, env, logPath }: DaemonCommand): Promise<StartedChild> {
  const log = await open(logPath, 'a')
  try {
    const child = spawn(program, args, { env, detached: true, stdio: ['ignore', log.fd, log.fd] })
    await once(child, 'spawn')
    return child as StartedChild
  } catch (cause) {
    throw new GantryError('failed_precondition', { action: 'start', subject: program, cause })
  } finally {
    await log.close()
  }
}

async function waitReady(child: ChildProcess, { socket }: DaemonCommand): Promise<void> {
  const client = createCriClient(socket, { defaultTimeoutMs: READY_TIMEOUT_MS })
  const deadline = performance.now() + READY_TIMEOUT_MS
  try {
    for (;;) {
      if (hasEnded(child)) throw new Error(`ended with ${child.exitCode ?? child.signalCode}`)
      try {
        await client.runtime.version({ version: 'v1' }, { timeoutMs: 1_000 })
        return
      } catch (cause) {
        // There is no event for a socket that begins to answer.
        if (performance.now() > deadline) throw cause
        await delay(POLL_MS)
      }
    }
  } finally {
    client.close()
  }
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const killer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
  await ended
  clearTimeout(killer)
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}
