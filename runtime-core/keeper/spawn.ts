// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { closeSync, readFileSync, writeSync } from 'node:fs'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { GantryError, messageOf } from '../errors.ts'
import { errnoName } from '../kernel/errno.ts'
import { createMemfd, sealMemfd } from '../kernel/libc.ts'

/** The parent's end of the zygote's descriptor 3. */
type ZygoteChannel = Socket

/** Where build.sh puts the program. */
export const KEEPER_PROGRAM = fileURLToPath(new URL('build/gantry-keeper', import.meta.url))

/**
 * Makes keepers. It holds one zygote, a keeper that waits: forking that costs a tenth of a millisecond, where starting
 * a program from the daemon would copy the daemon's page tables. The program is run from a sealed memfd, so what a
 * container may find at /proc/<pid>/exe cannot be written to (CVE-2019-5736).
 */
export class KeeperSpawner {
  readonly #program: string
  #channel: ZygoteChannel | undefined
  #answers: { resolve: (line: string) => void; reject: (error: Error) => void }[] = []
  #text = ''

  /** `program`: by default GANTRY_KEEPER of the environment, which test/sanitized.sh sets, or what build.sh has built. */
  constructor(program: string = process.env['GANTRY_KEEPER'] ?? KEEPER_PROGRAM) {
    this.#program = program
  }

  /**
   * Forks a keeper that serves `keeper.sock` in `podDirectory` (which must exist); resolves to its pid once the socket
   * listens.
   *
   * @throws GantryError `unavailable` where the keeper program is missing or its zygote died.
   */
  async spawn(podDirectory: string): Promise<number> {
    const channel = this.#start()
    const line = await new Promise<string>((resolve, reject) => {
      this.#answers.push({ resolve, reject })
      channel.ref()
      channel.write(`${podDirectory}\n`)
    })
    const [pid = 0, errno = 0] = line.split(' ').map(Number)
    if (errno !== 0) {
      throw new GantryError('internal', { action: 'start keeper in', subject: podDirectory, errno: errnoName(errno) })
    }
    return pid
  }

  /** Starts the zygote ahead of the first pod. @throws GantryError as {@link spawn}. */
  start(): void {
    this.#start()
  }

  /** Ends the zygote; keepers live on. */
  close(): void {
    const channel = this.#channel
    if (channel === undefined) return
    channel.destroy()
    this.#lost(channel, undefined)
  }

  #start(): ZygoteChannel {
    if (this.#channel !== undefined) return this.#channel
    const fd = this.#loadProgram()
    try {
      const child = spawn(`/proc/${process.pid}/fd/${fd}`, ['zygote'], {
        argv0: 'gantry-keeper',
        cwd: '/',
        env: {},
        stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      })
      const channel = child.stdio[3] as ZygoteChannel
      this.#channel = channel
      channel.setEncoding('utf8')
      channel.on('data', (text: string) => this.#receive(text))
      channel.on('error', (error) => this.#lost(channel, error))
      channel.on('close', () => this.#lost(channel, undefined))
      child.on('error', (error) => this.#lost(channel, error))
      child.unref()
      channel.unref()
      return channel
    } finally {
      closeSync(fd)
    }
  }

  #loadProgram(): number {
    let bytes: Buffer
    try {
      bytes = readFileSync(this.#program)
    } catch (cause) {
      throw new GantryError('unavailable', {
        action: 'read keeper program',
        subject: this.#program,
        hint: 'build it: runtime-core/keeper/build.sh',
        cause,
      })
    }
    const fd = createMemfd('gantry-keeper')
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    sealMemfd(fd)
    return fd
  }

  #receive(text: string): void {
    this.#text += text
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      this.#answers.shift()?.resolve(this.#text.slice(0, end))
      this.#text = this.#text.slice(end + 1)
    }
    // Only a question under way keeps the process alive.
    if (this.#answers.length === 0) this.#channel?.unref()
  }

  #lost(channel: ZygoteChannel, cause: Error | undefined): void {
    // One that was let go tells its end late: by then there may be another.
    if (this.#channel !== channel) return
    this.#channel = undefined
    const waiting = this.#answers
    this.#answers = []
    this.#text = ''
    for (const { reject } of waiting) {
      reject(
        new GantryError('unavailable', {
          action: 'start keeper',
          reason: cause === undefined ? 'the zygote ended' : messageOf(cause),
        }),
      )
    }
  }
}
