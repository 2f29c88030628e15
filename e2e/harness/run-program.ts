// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { GantryError } from '../../runtime-core/errors.ts'
import type { Ending } from './test-counts.ts'

/** A program to run to its end. */
export interface Program {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly timeoutMs: number
  /** Ends it early. */
  readonly signal?: AbortSignal
}

/** What it said, on both outputs in their order, and how it ended. */
export interface ProgramRun extends Ending {
  readonly output: string
  readonly seconds: number
  /** Processes of its group that it left running; they have been killed. */
  readonly survivors: readonly string[]
}

const MAX_OUTPUT_BYTES = 1024 * 1024
/** Between SIGTERM, for programs that clean up, and SIGKILL. */
const GRACE_MS = 10_000
/** How long outputs that someone outside the group holds open are waited for. */
const DRAIN_MS = 1_000

/** Runs a program without input, in a process group of its own of which nothing is left afterwards. */
export async function runProgram(program: Program): Promise<ProgramRun> {
  const start = performance.now()
  const { command, args, cwd, env } = program
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = new Tail(MAX_OUTPUT_BYTES)
  child.stdout?.on('data', (chunk: Buffer) => output.add(chunk))
  child.stderr?.on('data', (chunk: Buffer) => output.add(chunk))
  const closed = once(child, 'close').catch(() => undefined)
  await once(child, 'spawn').catch((cause: unknown) => {
    throw new GantryError('failed_precondition', { action: 'run', subject: command, cause })
  })
  const timedOut = await endInTime(child, program)
  const seconds = (performance.now() - start) / 1000
  const survivors = await endGroup(child.pid ?? 0)
  await Promise.race([closed, delay(DRAIN_MS, undefined, { ref: false })])
  child.stdout?.destroy()
  child.stderr?.destroy()
  return { output: output.text(), seconds, survivors, timedOut, exitCode: child.exitCode, signal: child.signalCode }
}

/** Waits for the exit; true when the program had to be ended because its time was up. */
async function endInTime(child: ChildProcess, { timeoutMs, signal }: Program): Promise<boolean> {
  const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : Promise.resolve()
  const timeout = AbortSignal.timeout(timeoutMs)
  const stop = AbortSignal.any(signal === undefined ? [timeout] : [timeout, signal])
  let killer: NodeJS.Timeout | undefined
  const end = (): void => {
    sendToGroup(child.pid ?? 0, 'SIGTERM')
    killer = setTimeout(() => sendToGroup(child.pid ?? 0, 'SIGKILL'), GRACE_MS)
  }
  if (stop.aborted) end()
  else stop.addEventListener('abort', end, { once: true })
  await exited
  stop.removeEventListener('abort', end)
  clearTimeout(killer)
  return killer !== undefined && timeout.aborted
}

function sendToGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal)
  } catch (error) {
    // The last of the group may just have ended.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

async function endGroup(group: number): Promise<string[]> {
  const survivors = await membersOf(group)
  if (survivors.length > 0) sendToGroup(group, 'SIGKILL')
  return survivors
}

/** `PID COMMAND` of the living processes of a group. Dead ones wait for a parent that is not ours. */
async function membersOf(group: number): Promise<string[]> {
  const found: string[] = []
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
    // proc(5): the name in parentheses may hold anything; state, parent and group follow the last one.
    const [state, , memberOf] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (Number(memberOf) !== group || state === 'Z' || state === 'X') continue
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    found.push(`${pid} ${command.replaceAll('\0', ' ').trim()}`)
  }
  return found
}

/** The last bytes of a stream of unknown length. */
class Tail {
  readonly #limitBytes: number
  readonly #chunks: Buffer[] = []
  #bytes = 0
  #droppedBytes = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    while (this.#bytes - (this.#chunks[0]?.length ?? 0) >= this.#limitBytes) {
      const dropped = this.#chunks.shift()?.length ?? 0
      this.#bytes -= dropped
      this.#droppedBytes += dropped
    }
  }

  text(): string {
    const kept = Buffer.concat(this.#chunks).toString('utf8')
    return this.#droppedBytes === 0 ? kept : `… ${this.#droppedBytes} bytes before this left out …\n${kept}`
  }
}
