// SPDX-License-Identifier: Apache-2.0

import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { type ErrorCode, GantryError } from '../../../runtime-core/errors.ts'
import { jsonOf } from '../../../runtime-core/json-text.ts'
import { FRAME, FRAME_LIMIT, frameHeader, type Job, type Reply } from './protocol.ts'

/** What unpacking needs of root's powers: owners, modes, nodes, file capabilities, trusted.* attributes, the pivot. */
const CAPABILITIES = '-all,+chown,+dac_override,+fowner,+fsetid,+mknod,+setfcap,+sys_admin'
const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url))
/** A reply lists the directories no member described; no real layer comes near. */
const REPLY_LIMIT = 16 * 1024 * 1024
const STDERR_TAIL = 2048
const CODES: ReadonlySet<string> = new Set<ErrorCode>([
  'invalid_argument',
  'resource_exhausted',
  'internal',
  'unimplemented',
])

export interface UnpackedLayer {
  readonly diffId: string
  readonly bytes: number
  readonly inodes: number
  readonly implicit: readonly string[]
}

/**
 * One unpacking process, shut into `directory`, which must be empty. It takes one layer at a time. After any failure
 * it is ended: a process that has read hostile bytes to no good end is not used again.
 */
export class UnpackWorker {
  readonly directory: string
  readonly #process: ChildProcess
  readonly #input: Writable
  readonly #exited: Promise<string>
  readonly #replies: UnpackedLayer[] = []
  #waiting: (() => void) | undefined
  #roomWaiter: (() => void) | undefined
  #failure: GantryError | undefined
  #pending = ''
  #stderr = ''
  #hasExited = false

  /** Starts the process; it needs some 60 ms until it reads, which nothing waits for. */
  constructor(directory: string, nodePath: string) {
    this.directory = directory
    const command = [
      '--mount',
      '--ipc',
      '--net',
      '--',
      'setpriv',
      '--no-new-privs',
      '--bounding-set',
      CAPABILITIES,
      '--',
    ]
    // One thread inflates; the others of libuv's four would idle.
    const env = { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', UV_THREADPOOL_SIZE: '1' }
    this.#process = spawn(
      'unshare',
      [...command, nodePath, '--disable-warning=ExperimentalWarning', CHILD, directory],
      {
        stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
        env,
        cwd: '/',
      },
    )
    const [input, , stderr, output] = this.#process.stdio as unknown as [Writable, null, Readable, Readable]
    this.#input = input
    input.on('error', () => void this.#exited)
    input.on('drain', () => this.#onRoom())
    stderr.on('data', (text: Buffer) => {
      this.#stderr = (this.#stderr + text.toString()).slice(-STDERR_TAIL)
    })
    output.on('data', (bytes: Buffer) => this.#onReply(bytes))
    this.#exited = this.#watchExit()
  }

  /**
   * Unpack one blob into `directory/job.name`. The caller compares digests itself.
   *
   * @param blob the compressed bytes; what it throws is thrown on
   * @param stallMs how long the process may neither take bytes nor answer
   * @throws GantryError invalid_argument, resource_exhausted, internal
   */
  async unpack(job: Job, blob: AsyncIterable<Buffer>, stallMs: number): Promise<UnpackedLayer> {
    await this.#bounded(stallMs, this.#send(FRAME.job, Buffer.from(JSON.stringify(job))))
    for await (const bytes of blob) {
      for (let at = 0; at < bytes.length; at += FRAME_LIMIT) {
        await this.#bounded(stallMs, this.#send(FRAME.data, bytes.subarray(at, at + FRAME_LIMIT)))
      }
    }
    await this.#bounded(stallMs, this.#send(FRAME.end, Buffer.alloc(0)))
    return this.#bounded(stallMs, this.#reply())
  }

  /** Let the process end by itself; resolves when it has. */
  async close(): Promise<void> {
    this.#input.end()
    await this.#exited
  }

  /** End the process now; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#exited
  }

  /** A process that stands still is ended: its disk may hang, or a layer keep it busy for ever. */
  async #bounded<T>(stallMs: number, step: Promise<T>): Promise<T> {
    const timer = setTimeout(() => {
      this.#fail(new GantryError('internal', { action: 'unpack', reason: `nothing moved for ${stallMs} ms` }))
      this.#process.kill('SIGKILL')
    }, stallMs)
    try {
      return await step
    } finally {
      clearTimeout(timer)
    }
  }

  async #send(type: number, payload: Buffer): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    this.#input.cork()
    this.#input.write(frameHeader(type, payload.length))
    const hasRoom = this.#input.write(payload)
    this.#input.uncork()
    if (hasRoom) return
    await new Promise<void>((resolve) => {
      this.#roomWaiter = resolve
    })
    if (this.#failure !== undefined) throw this.#failure
  }

  async #reply(): Promise<UnpackedLayer> {
    while (true) {
      const reply = this.#replies.shift()
      if (reply !== undefined) return reply
      if (this.#failure !== undefined) throw this.#failure
      await new Promise<void>((resolve) => {
        this.#waiting = resolve
      })
    }
  }

  #onReply(bytes: Buffer): void {
    this.#pending += bytes.toString()
    if (this.#pending.length > REPLY_LIMIT) {
      this.#fail(new GantryError('internal', { action: 'unpack', reason: 'the unpacking process answers too much' }))
      this.#process.kill('SIGKILL')
      return
    }
    const lines = this.#pending.split('\n')
    this.#pending = lines.pop() ?? ''
    for (const line of lines) this.#onLine(line)
  }

  #onLine(line: string): void {
    const reply = parseReply(line)
    if (reply === undefined)
      this.#fail(new GantryError('internal', { action: 'unpack', reason: 'an answer is malformed' }))
    else if (reply.kind === 'failed') this.#fail(failureOf(reply))
    else if (reply.kind === 'unpacked') this.#replies.push(reply)
    this.#wake()
  }

  #fail(error: GantryError): void {
    this.#failure ??= error
    this.#wake()
  }

  #wake(): void {
    this.#waiting?.()
    this.#waiting = undefined
    this.#onRoom()
  }

  #onRoom(): void {
    this.#roomWaiter?.()
    this.#roomWaiter = undefined
  }

  async #watchExit(): Promise<string> {
    const how = await new Promise<string>((resolve) => {
      this.#process.once('error', (error) => resolve(error.message))
      this.#process.once('close', (code, signal) => resolve(signal ?? `status ${code}`))
    })
    this.#hasExited = true
    const said = this.#stderr.trim()
    const reason = `the unpacking process ended (${how})${said === '' ? '' : `: ${said}`}`
    this.#fail(new GantryError('internal', { action: 'unpack', reason }))
    return how
  }

  /** True while it can take another layer. */
  get isUsable(): boolean {
    return this.#failure === undefined && !this.#hasExited
  }
}

function failureOf({ code, message, errno }: Extract<Reply, { kind: 'failed' }>): GantryError {
  // The text is complete, errno included: it is the child's own error, made by the same grammar.
  const suffix = `: ${errno}`
  const isNamed = errno !== undefined && message.endsWith(suffix)
  return new GantryError(CODES.has(code) ? (code as ErrorCode) : 'internal', {
    action: isNamed ? message.slice(0, -suffix.length) : message,
    stage: 'unpack',
    ...(isNamed ? { errno } : {}),
  })
}

/** The child may be in a hostile layer's hands: its answers are checked like any input. */
function parseReply(line: string): Reply | undefined {
  const value = jsonOf(line)
  if (typeof value !== 'object' || value === null) return undefined
  const fields: Partial<Record<string, unknown>> = value
  const { kind, code, message, errno, diffId, bytes, inodes, implicit } = fields
  if (kind === 'ready') return { kind }
  if (kind === 'failed' && typeof code === 'string' && typeof message === 'string') {
    return { kind, code, message: message.slice(0, 4096), errno: typeof errno === 'string' ? errno : undefined }
  }
  if (kind !== 'unpacked' || typeof diffId !== 'string' || !isCount(bytes) || !isCount(inodes)) return undefined
  if (!Array.isArray(implicit) || !implicit.every((path) => typeof path === 'string')) return undefined
  return { kind, diffId, bytes, inodes, implicit }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
