// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { waitFor } from '../harness/wait.ts'
import { type ProgramName, programPath } from './programs.ts'

/** What a component is started with. */
export interface ComponentOptions {
  readonly program: ProgramName
  /** Where its log goes: `<directory>/<program>.log`. */
  readonly directory: string
  readonly args: readonly string[]
  /** True when it serves; asked again and again after each start. */
  readonly isReady: () => Promise<boolean>
}

const READY_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 20_000
const LAST_LINES = 12

/** One program of the cluster as a child: started, ended, started again with the same arguments or others. */
export class Component {
  readonly #options: ComponentOptions
  #child: ChildProcess | undefined
  #ended: Promise<unknown> | undefined

  constructor(options: ComponentOptions) {
    this.#options = options
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Starts it and waits until it is ready; the end of its log is in the error where it is not. */
  async start(): Promise<void> {
    const log = await open(this.#logPath, 'a')
    // A session of its own: Ctrl-C at the terminal is for the harness, which then stops the cluster in order.
    const child = spawn(programPath(this.#options.program), this.#options.args, {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    })
    this.#child = child
    this.#ended = once(child, 'exit')
    await once(child, 'spawn')
    await log.close()
    await this.#ready()
  }

  /** Sends a signal and waits for the end; one that does not end is killed. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (child === undefined || !this.running) return
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await this.#ended
    clearTimeout(timer)
  }

  /** All that it said. */
  log(): Promise<string> {
    return readFile(this.#logPath, 'utf8')
  }

  get #logPath(): string {
    return join(this.#options.directory, `${this.#options.program}.log`)
  }

  async #ready(): Promise<void> {
    const { program, isReady } = this.#options
    const settled = async (): Promise<boolean> => !this.running || (await isReady())
    await waitFor(`${program} is ready`, settled, READY_TIMEOUT_MS).catch(async (error: unknown) => {
      throw new Error(`${program} does not become ready:\n${await this.#lastLines()}`, { cause: error })
    })
    if (!this.running) throw new Error(`${program} ended at its start:\n${await this.#lastLines()}`)
  }

  async #lastLines(): Promise<string> {
    return (await this.log()).trimEnd().split('\n').slice(-LAST_LINES).join('\n')
  }
}

/** A TCP port of the loopback address that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const closed = once(server, 'close')
  server.close()
  await closed
  if (address === null || typeof address === 'string') throw new Error('a TCP socket has no port')
  return address.port
}
