// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { GantryError } from '../../runtime-core/errors.ts'
import { doneWithin } from '../node/patience.ts'

/** What a tree takes of its file system. */
export interface TreeUsage {
  readonly bytes: bigint
  readonly inodes: bigint
  /** Nanoseconds since 1970. */
  readonly timestampNs: bigint
}

export interface LayerUsageOptions {
  /** Nanoseconds since 1970. */
  readonly now: () => bigint
  /** A measurement older than this is renewed when it is asked for. */
  readonly maxAgeMs: number
  /** How long one round may take. */
  readonly deadlineMs: number
  readonly onError: (error: unknown) => void
}

/** Trees that one pair of `du` measures: starting a process costs the event loop a millisecond or two. */
const MOST_AT_ONCE = 64
const MS_NS = 1_000_000n
/** Bytes of output of one child: paths of ours, of about a hundred characters. */
const MOST_OUTPUT = 1 << 20

/**
 * Knows what the writable layers of containers take. It is measured by children, many layers by one, and only while
 * somebody asks, who waits for it as long as he can; the answer is always the last measurement, with its time.
 */
export class LayerUsage {
  readonly #options: LayerUsageOptions
  readonly #known = new Map<string, TreeUsage>()
  /** Trees that take long, and when they are measured again: at most a tenth of the time goes into them. */
  readonly #postponed = new Map<string, bigint>()
  #round: Promise<void> | undefined
  #closed = false

  constructor(options: LayerUsageOptions) {
    this.#options = options
  }

  /** The last measurement; undefined until there is one. */
  last(directory: string): TreeUsage | undefined {
    return this.#known.get(directory)
  }

  /** Resolves when of these trees none has an old measurement, or the time is over; those that take long stay old. */
  async renewed(directories: readonly string[], timeoutMs: number): Promise<void> {
    if (this.#due(directories).length > 0) await doneWithin(this.#renew(directories), timeoutMs)
  }

  /** As many rounds as it can take, each after whatever is under way: a tree that is gone is due for ever. */
  async #renew(directories: readonly string[]): Promise<void> {
    for (let done = 0; done < directories.length; done += MOST_AT_ONCE) {
      await this.#round
      this.#begin(directories)
      await this.#round
    }
  }

  #begin(directories: readonly string[]): void {
    if (this.#round !== undefined || this.#closed) return
    const due = this.#due(directories)
    if (due.length === 0) return
    this.#round = this.#measure(due)
      .catch(this.#options.onError)
      .finally(() => {
        this.#round = undefined
      })
  }

  /** Forgets all trees but these. */
  keep(directories: { has(directory: string): boolean }): void {
    for (const map of [this.#known, this.#postponed]) {
      for (const directory of map.keys()) if (!directories.has(directory)) map.delete(directory)
    }
  }

  /** Nothing is measured any more. */
  close(): void {
    this.#closed = true
  }

  #due(directories: readonly string[]): string[] {
    const now = this.#options.now()
    const oldest = now - BigInt(this.#options.maxAgeMs) * MS_NS
    const measuredAt = (directory: string) => this.#known.get(directory)?.timestampNs ?? 0n
    return directories
      .filter((directory) => measuredAt(directory) < oldest && (this.#postponed.get(directory) ?? 0n) <= now)
      .sort((a, b) => (measuredAt(a) < measuredAt(b) ? -1 : 1))
      .slice(0, MOST_AT_ONCE)
  }

  async #measure(directories: readonly string[]): Promise<void> {
    const { deadlineMs, maxAgeMs, now } = this.#options
    const startedNs = now()
    const [bytes, inodes] = await Promise.all([
      diskUsage(['--block-size=1'], directories, deadlineMs),
      diskUsage(['--inodes'], directories, deadlineMs),
    ])
    const timestampNs = now()
    const isLate = bytes.late || inodes.late
    const tookNs = isLate ? BigInt(deadlineMs) * MS_NS : timestampNs - startedNs
    for (const directory of directories) {
      const [size, count] = [bytes.sums.get(directory), inodes.sums.get(directory)]
      const isDone = size !== undefined && count !== undefined
      if (isDone) this.#known.set(directory, { bytes: size, inodes: count, timestampNs })
      if ((isDone || isLate) && tookNs * 10n > BigInt(maxAgeMs) * MS_NS) {
        this.#postponed.set(directory, timestampNs + tookNs * 10n)
      } else this.#postponed.delete(directory)
    }
  }
}

interface Sums {
  readonly sums: ReadonlyMap<string, bigint>
  /** The deadline came before the last tree was done. */
  readonly late: boolean
}

async function diskUsage(args: readonly string[], directories: readonly string[], deadlineMs: number): Promise<Sums> {
  const child = spawn('du', ['--summarize', '--one-file-system', '--null', ...args, '--', ...directories], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: deadlineMs,
    killSignal: 'SIGKILL',
    cwd: '/',
  })
  let output = ''
  child.stdout.on('data', (text: Buffer) => {
    if (output.length < MOST_OUTPUT) output += text.toString()
  })
  const killedBy = await new Promise<string | null>((resolve, reject) => {
    child.once('error', (cause) => reject(new GantryError('internal', { action: 'run du', cause })))
    child.once('close', (_code, signal) => resolve(signal))
  })
  // A tree that is gone, or files that vanish while it counts, are told on standard error and leave the other sums good.
  const sums = output.split('\0').flatMap((line): [string, bigint][] => {
    const [, sum = '', directory = ''] = /^(\d+)\t(.*)$/s.exec(line) ?? []
    return sum === '' ? [] : [[directory, BigInt(sum)]]
  })
  return { sums: new Map(sums), late: killedBy !== null }
}
