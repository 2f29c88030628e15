// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createCriClient } from '../../cri-proto/index.ts'
import { waitFor } from './wait.ts'

const GANTRYD = resolve(import.meta.dirname, '../../bin/gantryd')
/** Of an emulated machine beside others; elsewhere it is a second. */
const READY_TIMEOUT_MS = 120_000
const STOP_TIMEOUT_MS = 20_000

/** How a daemon ended. */
export interface DaemonEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** bin/gantryd as a child process: started, ended in every way, started again. */
export class GantrydProcess {
  readonly #directory: string
  readonly #args: readonly string[]
  readonly #socket: string
  #child: ChildProcess | undefined
  #ended: Promise<DaemonEnd> | undefined
  #logFrom = 0

  /** @param args Flags, `--listen` among them. */
  constructor(directory: string, socket: string, args: readonly string[]) {
    this.#directory = directory
    this.#socket = socket
    this.#args = args
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Starts it and waits until its socket answers Status; the end of its log is in the error if it does not. */
  async start(env: NodeJS.ProcessEnv = {}): Promise<void> {
    await mkdir(this.#directory, { recursive: true })
    const log = await open(this.#logPath, 'a')
    this.#logFrom = (await log.stat()).size
    // A session of its own: Ctrl-C at the terminal is for the tests, which then stop the daemon in order.
    const child = spawn(GANTRYD, this.#args, {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: { ...process.env, ...env },
    })
    this.#child = child
    this.#ended = once(child, 'exit').then(([code, signal]): DaemonEnd => ({ code, signal }))
    await once(child, 'spawn')
    await log.close()
    await this.#ready(child)
  }

  /** Sends a signal and waits for the end. */
  async kill(signal: NodeJS.Signals): Promise<DaemonEnd> {
    const [child, ended] = [this.#child, this.#ended]
    if (child === undefined || ended === undefined) return { code: null, signal: null }
    if (this.running) child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    const end = await ended
    clearTimeout(timer)
    return end
  }

  /** All that it said, of every start. */
  async log(): Promise<string> {
    return readFile(this.#logPath, 'utf8')
  }

  /** What it said since its last start. */
  async recentLog(): Promise<string> {
    return (await readFile(this.#logPath)).subarray(this.#logFrom).toString('utf8')
  }

  get #logPath(): string {
    return join(this.#directory, 'gantryd.log')
  }

  async #ready(child: ChildProcess): Promise<void> {
    const client = createCriClient(`unix://${this.#socket}`, { defaultTimeoutMs: 1000 })
    try {
      await waitFor(
        'gantryd answers Status',
        async () => {
          if (!this.running) return true
          return (await client.runtime.status({})).status !== undefined
        },
        READY_TIMEOUT_MS,
      )
    } finally {
      client.close()
    }
    if (this.running) return
    const said = (await this.recentLog()).trim().split('\n').slice(-8).join('\n')
    throw new Error(`gantryd ended with ${child.exitCode ?? child.signalCode}:\n${said}`)
  }
}
