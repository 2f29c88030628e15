// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { GantryError } from '../../../runtime-core/errors.ts'

/** What a tree takes of its file system. */
export interface Usage {
  readonly bytes: number
  readonly inodes: number
  readonly measuredAtMs: number
}

export interface UsageOptions {
  /** A measurement younger than this is given again. */
  readonly maxAgeMs: number
  readonly deadlineMs: number
  readonly nowMs: () => number
}

/** Directories remembered; the oldest measurement goes first. */
const CACHE_LIMIT = 4096

/** Measures trees by `du` in a child process with a deadline, so that no slow disk stalls the daemon. */
export class UsageMeter {
  readonly #options: UsageOptions
  readonly #known = new Map<string, Usage>()
  readonly #running = new Map<string, Promise<Usage>>()

  constructor(options: UsageOptions) {
    this.#options = options
  }

  /** The last measurement, however old, without waiting; undefined when there is none. */
  last(directory: string): Usage | undefined {
    return this.#known.get(directory)
  }

  /** Measure, or give what was measured lately. @throws GantryError deadline_exceeded, internal */
  async usage(directory: string): Promise<Usage> {
    const known = this.#known.get(directory)
    if (known !== undefined && this.#options.nowMs() - known.measuredAtMs < this.#options.maxAgeMs) return known
    const running = this.#running.get(directory)
    if (running !== undefined) return running
    const measuring = this.#measure(directory).finally(() => this.#running.delete(directory))
    this.#running.set(directory, measuring)
    return measuring
  }

  /** Forget a directory that is gone. */
  forget(directory: string): void {
    this.#known.delete(directory)
  }

  async #measure(directory: string): Promise<Usage> {
    const [blocks, inodes] = await Promise.all([
      this.#du(['--block-size=1', directory]),
      this.#du(['--inodes', directory]),
    ])
    const usage = { bytes: blocks, inodes, measuredAtMs: this.#options.nowMs() }
    this.#known.delete(directory)
    this.#known.set(directory, usage)
    const [oldest] = this.#known.keys()
    if (this.#known.size > CACHE_LIMIT && oldest !== undefined) this.#known.delete(oldest)
    return usage
  }

  async #du(args: readonly string[]): Promise<number> {
    const { deadlineMs } = this.#options
    const child = spawn('du', ['--summarize', '--one-file-system', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: deadlineMs,
      killSignal: 'SIGKILL',
    })
    let output = ''
    let said = ''
    child.stdout.on('data', (text: Buffer) => {
      output = (output + text.toString()).slice(0, 8192)
    })
    child.stderr.on('data', (text: Buffer) => {
      said = (said + text.toString()).slice(-512)
    })
    const signal = await new Promise<string | null>((resolve, reject) => {
      child.once('error', (cause) =>
        reject(new GantryError('internal', { action: 'measure', subject: args.at(-1) ?? '', cause })),
      )
      child.once('close', (_code, killedBy) => resolve(killedBy))
    })
    const subject = args.at(-1) ?? ''
    if (signal !== null) {
      throw new GantryError('deadline_exceeded', { action: 'measure', subject, reason: `not done in ${deadlineMs} ms` })
    }
    // Files that vanish while it counts make du fail after it has printed its sum: the sum is good.
    const digits = /^(\d+)\s/.exec(output)?.[1]
    if (digits === undefined) throw new GantryError('internal', { action: 'measure', subject, reason: said.trim() })
    return Number(digits)
  }
}
