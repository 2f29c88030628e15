// SPDX-License-Identifier: Apache-2.0
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { errnoOf } from '../../../runtime-core/errors.ts'

export interface ChildRequest {
  readonly path: string
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  readonly stdin: string
  readonly timeoutMs: number
  /** What standard output may hold; more kills the child. Standard error is cut there instead. */
  readonly limitBytes: number
  readonly signal?: AbortSignal | undefined
}

/** Why Gantry ended a child itself. */
export type KillReason = 'timeout' | 'abort' | 'output'

/** How the child ended; `killedFor` is set when it was Gantry that ended it. */
export interface ChildOutcome {
  readonly exitCode: number | null
  readonly exitSignal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  readonly killedFor: KillReason | undefined
}

/** How long a killed child may take to vanish, and an exited one's pipes to close. */
const settleMs = 1000

/**
 * Runs a program to its end in its own process group, with bounded output and time. At the deadline, on abort and at
 * too much output the whole group gets SIGKILL. Never waits longer than the deadline plus a second: neither for a
 * child that the kernel cannot end, nor for a background process that keeps the pipes open.
 * Throws what spawn reports (ENOENT, EACCES, ETXTBSY, …), unchanged.
 */
export async function runChild(request: ChildRequest): Promise<ChildOutcome> {
  const child = spawn(request.path, [], {
    cwd: '/',
    env: request.env,
    // a session of its own: the group can be killed as one, and a terminal's ^C does not reach plugins
    detached: true,
    stdio: 'pipe',
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.on('error', reject)
  })
  return await supervise(child, request)
}

async function supervise(child: ChildProcessWithoutNullStreams, request: ChildRequest): Promise<ChildOutcome> {
  const over = Promise.withResolvers<void>()
  const timers: NodeJS.Timeout[] = []
  let killedFor: KillReason | undefined
  const settle = () => timers.push(setTimeout(over.resolve, settleMs))
  const kill = (reason: KillReason) => {
    if (killedFor !== undefined || (hasExited(child) && reason !== 'output')) return
    killedFor = reason
    if (!hasExited(child)) killGroup(child)
    settle()
  }
  const abort = () => kill('abort')
  child.once('exit', settle)
  child.once('close', over.resolve)
  const stdout = collect(child.stdout, request.limitBytes, () => kill('output'))
  const stderr = collect(child.stderr, request.limitBytes, () => undefined)
  feed(child, request.stdin)
  timers.push(setTimeout(() => kill('timeout'), request.timeoutMs))
  request.signal?.addEventListener('abort', abort)
  if (request.signal?.aborted) abort()
  try {
    await over.promise
    return { exitCode: child.exitCode, exitSignal: child.signalCode, stdout: stdout(), stderr: stderr(), killedFor }
  } finally {
    for (const timer of timers) clearTimeout(timer)
    request.signal?.removeEventListener('abort', abort)
    for (const stream of child.stdio) stream?.destroy()
    child.unref()
  }
}

function hasExited(child: ChildProcessWithoutNullStreams): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** SIGKILL to the child's group. Safe from reuse of the pid: Node has not reaped the leader yet. */
function killGroup(child: ChildProcessWithoutNullStreams): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}

/** Keeps the first `limitBytes` of a stream, goes on reading, and says once when there was more. */
function collect(stream: Readable, limitBytes: number, onExcess: () => void): () => string {
  const chunks: Buffer[] = []
  let left = limitBytes
  stream.on('data', (chunk: Buffer) => {
    if (left > 0) chunks.push(chunk.subarray(0, left))
    if (left >= 0 && chunk.length > left) onExcess()
    left = chunk.length > left ? -1 : left - chunk.length
  })
  return () => Buffer.concat(chunks).toString('utf8')
}

function feed(child: ChildProcessWithoutNullStreams, text: string): void {
  // EPIPE: the program ended without reading; its exit status says what came of that
  child.stdin.on('error', () => child.stdin.destroy())
  child.stdin.end(text)
}
