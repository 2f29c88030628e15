// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { GantryError, messageOf } from '../errors.ts'
import { KEEPER_PROGRAM } from './keeper-program.ts'

/**
 * A process that does nothing: a unit of systemd cannot be without one, and the container's is not there yet. It is ended
 * by the launch plan (`end_holder`), or with this process, whose pid the launcher takes over.
 */
export class UnitHolder {
  readonly pid: number
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>

  private constructor(child: ChildProcess, pid: number) {
    this.pid = pid
    this.#child = child
    this.#ended = once(child, 'exit')
  }

  static async start(): Promise<UnitHolder> {
    const child = spawn(KEEPER_PROGRAM, ['hold'], {
      argv0: 'gantry-keeper',
      cwd: '/',
      env: {},
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    try {
      // From its word on it ends with us.
      await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
    } catch (cause) {
      throw new GantryError('internal', { action: 'start holder of unit', subject: KEEPER_PROGRAM, cause })
    }
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
      const reason = `it ended with ${child.exitCode ?? child.signalCode}`
      throw new GantryError('internal', { action: 'start holder of unit', subject: KEEPER_PROGRAM, reason })
    }
    child.stdout.destroy()
    return new UnitHolder(child, child.pid)
  }

  /** Ends it where nothing came of the launch; the unit goes with it. */
  async end(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended.catch((error: unknown) => {
      throw new GantryError('internal', { action: 'end holder of unit', reason: messageOf(error) })
    })
  }
}
