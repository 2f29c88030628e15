// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { ensureTools, TOOLS } from '../tools/ensure.ts'

const CRICTL = join(TOOLS, 'crictl')
/** It warns on standard error where it finds no configuration; an empty one will do. */
const NO_CONFIG = '--config=/dev/null'
const TIMEOUT_MS = 60_000

// Whoever imports this is about to call it; instant where it is built.
await ensureTools()

export const TRANSPORTS = ['spdy', 'websocket'] as const
export type Transport = (typeof TRANSPORTS)[number]

export interface CrictlRun {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Program and arguments of crictl against a socket; a command of it is to follow. */
export function crictlCommand(socket: string): readonly [string, ...string[]] {
  return [CRICTL, NO_CONFIG, `--runtime-endpoint=unix://${socket}`]
}

/** Runs crictl against a socket, with input, to its end. */
export function crictl(socket: string, args: readonly string[], input: string | Buffer = ''): Promise<CrictlRun> {
  const [program, ...first] = crictlCommand(socket)
  return run(program, [...first, ...args], input)
}

/** The same at a terminal of its own, of the given size; both outputs are one there. */
export function crictlAtTerminal(
  socket: string,
  size: { readonly rows: number; readonly columns: number },
  args: readonly string[],
  input: string,
): Promise<CrictlRun> {
  const words = [...crictlCommand(socket), ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
  const command = `stty rows ${size.rows} cols ${size.columns}; exec ${words.join(' ')}`
  return run('script', ['-qec', command, '/dev/null'], input)
}

async function run(command: string, args: readonly string[], input: string | Buffer): Promise<CrictlRun> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS)
  // A program that ends before it has read all of its input is no failure of the test.
  child.stdin.on('error', () => undefined).end(input)
  const [stdout, stderr, [code]] = await Promise.all([buffer(child.stdout), buffer(child.stderr), once(child, 'close')])
  clearTimeout(timer)
  return { code, stdout: stdout.toString(), stderr: stderr.toString() }
}
