// SPDX-License-Identifier: Apache-2.0
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { accessSync, closeSync, constants, openSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, GantryError } from '../errors.ts'
import { criuErrors } from './log.ts'

/**
 * The path of CRIU.
 *
 * @param program a path, or a name that is looked for in `searchPath` (PATH).
 * @param hint how to say where it is.
 * @throws GantryError `failed_precondition`.
 */
export function findCriu(program: string, searchPath: string, hint: string): string {
  const isNamed = program.includes('/')
  const places = isNamed ? [program] : searchPath.split(':').map((directory) => join(directory || '.', program))
  const found = places.find(isProgram)
  if (found !== undefined) return found
  throw new GantryError('failed_precondition', {
    action: 'find CRIU',
    subject: program,
    reason: isNamed ? 'there is no such program' : 'it is not in PATH',
    hint,
  })
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return false
    throw error
  }
}

export interface CriuCall {
  /** The keeper's program, which talks to CRIU. */
  readonly keeper: string
  readonly criu: string
  readonly request: Uint8Array
  readonly images: string
  readonly work: string
  /** In `work`. */
  readonly logFile: string
  /** Becomes descriptor {@link STATUS_FD} of CRIU. */
  readonly statusFd?: number
  /** What is being done to what, for the error. */
  readonly action: string
  readonly subject: string
}

/** The number that a status descriptor has in CRIU. */
export const STATUS_FD = 5
const MAX_SAID_BYTES = 4096

/**
 * Has CRIU carry out one request, in a process of its own between us: Node can neither make the kind of socket that CRIU
 * is talked to over nor receive descriptors (keeper/criu_main.c).
 *
 * @throws GantryError with the errors of CRIU's log.
 */
export async function callCriu(call: CriuCall): Promise<void> {
  const images = openSync(call.images, constants.O_RDONLY | constants.O_DIRECTORY)
  const work = openSync(call.work, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    const child = spawn(call.keeper, ['criu', call.criu], {
      argv0: 'gantry-keeper',
      stdio: ['pipe', 'pipe', 'pipe', images, work, call.statusFd ?? 'ignore'],
    })
    const { stdin: input, stdout: output, stderr: errors } = child as ChildProcessWithoutNullStreams
    // It may end before it has read all: its status and its words say why.
    input.on('error', () => undefined)
    input.end(call.request)
    const [said, complained, status] = await Promise.all([
      textOf(output),
      textOf(errors),
      new Promise<number | null>((resolve, reject) => {
        child.on('error', reject)
        child.on('close', resolve)
      }),
    ])
    if (status !== 0) throw failure(call, said, complained)
  } finally {
    closeSync(images)
    closeSync(work)
  }
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  let text = ''
  for await (const chunk of stream) if (text.length < MAX_SAID_BYTES) text += chunk.toString('utf8')
  return text.trim()
}

function failure(call: CriuCall, said: string, complained: string): GantryError {
  const log = join(call.work, call.logFile)
  const [, answer = ''] = /^answer \d+ -?\d+ \d+ (.*)$/m.exec(said) ?? []
  const reason = criuErrors(log) ?? (complained || answer)
  return new GantryError('internal', {
    action: call.action,
    subject: call.subject,
    reason: `CRIU: ${reason === '' ? 'it ended without an answer' : reason} (log "${log}")`,
  })
}
