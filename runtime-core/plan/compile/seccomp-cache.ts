// SPDX-License-Identifier: Apache-2.0

import { spawn } from 'node:child_process'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ErrorCode, errnoOf, GantryError } from '../../errors.ts'
import type { OciSeccomp } from '../../spec/types.ts'
import type { CompiledSeccomp } from './seccomp.ts'
import {
  decodeRecord,
  encodeRecord,
  encodeRequest,
  MAX_RECORD_BYTES,
  MAX_REQUEST_BYTES,
  profileKey,
} from './seccomp-wire.ts'

export interface SeccompCacheOptions {
  /** Version of the libseccomp that compiles: filters of another are not used. */
  readonly libraryVersion: string
  /** Keeps compiled filters over a restart; made when missing. Absent: memory only. */
  readonly directory?: string
  /** Filters kept in memory, of at most 32 KiB each. */
  readonly capacity?: number
  /** Files kept in `directory`. */
  readonly fileCapacity?: number
  /** For one compilation, in milliseconds. */
  readonly deadlineMs?: number
}

const CHILD = fileURLToPath(new URL('./seccomp-child.ts', import.meta.url))

/**
 * Compiled filters, one per distinct profile: in memory, then on disk, then made by a child process, so that the event
 * loop never waits for libseccomp. A node has few distinct profiles (the default one per set of capabilities) but starts
 * containers all day; a hit in memory costs 0.05 ms, where a child costs 100 ms.
 */
export class SeccompCache {
  readonly #options: Required<Omit<SeccompCacheOptions, 'directory'>> & { readonly directory: string | undefined }
  /** Oldest use first. */
  readonly #filters = new Map<string, CompiledSeccomp>()
  /** A profile asked for twice is compiled once. */
  readonly #inflight = new Map<string, Promise<CompiledSeccomp>>()
  /** Children run one after the other: the node's cores are for its pods. */
  #queue: Promise<unknown> = Promise.resolve()

  constructor({
    libraryVersion,
    directory,
    capacity = 64,
    fileCapacity = 256,
    deadlineMs = 10_000,
  }: SeccompCacheOptions) {
    this.#options = { libraryVersion, directory, capacity, fileCapacity, deadlineMs }
  }

  /**
   * The compiled profile. Called at start with the default profile, it spares the first container the child.
   *
   * @throws GantryError as compileSeccomp; deadline_exceeded for a profile libseccomp chews on too long.
   */
  async compile(profile: OciSeccomp, arch?: string): Promise<CompiledSeccomp> {
    const key = profileKey(profile, arch, this.#options.libraryVersion)
    const known = this.#filters.get(key)
    if (known !== undefined) return this.#remember(key, known)
    const running = this.#inflight.get(key)
    if (running !== undefined) return running
    const made = this.#fetch(key, profile, arch)
    this.#inflight.set(key, made)
    try {
      return this.#remember(key, await made)
    } finally {
      this.#inflight.delete(key)
    }
  }

  /** Filters held in memory. */
  get size(): number {
    return this.#filters.size
  }

  #remember(key: string, compiled: CompiledSeccomp): CompiledSeccomp {
    this.#filters.delete(key)
    this.#filters.set(key, compiled)
    for (const oldest of this.#filters.keys()) {
      if (this.#filters.size <= this.#options.capacity) break
      this.#filters.delete(oldest)
    }
    return compiled
  }

  async #fetch(key: string, profile: OciSeccomp, arch: string | undefined): Promise<CompiledSeccomp> {
    const { directory, fileCapacity, deadlineMs } = this.#options
    const stored = directory === undefined ? undefined : await readStored(join(directory, key))
    if (stored !== undefined) return stored
    const turn = this.#queue.then(() => compileInChild(encodeRequest({ profile, ...(arch && { arch }) }), deadlineMs))
    // The next in line waits for the turn to end, however it ends; the failure belongs to this caller.
    this.#queue = turn.then(nothing, nothing)
    const compiled = await turn
    if (directory !== undefined) await store(directory, key, compiled, fileCapacity)
    return compiled
  }
}

const nothing = (): undefined => undefined

async function readStored(path: string): Promise<CompiledSeccomp | undefined> {
  try {
    if ((await stat(path)).size > MAX_RECORD_BYTES) return undefined
    return decodeRecord(await readFile(path, 'utf8'))
  } catch (error) {
    if (errnoOf(error) !== undefined) return undefined
    throw error
  }
}

/** Whole or not at all, by rename. That the disk is full must not keep a container from starting: nothing is thrown. */
async function store(directory: string, key: string, compiled: CompiledSeccomp, capacity: number): Promise<void> {
  const temporary = join(directory, `${key}.${process.pid}.tmp`)
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await writeFile(temporary, encodeRecord(compiled), { mode: 0o600 })
    await rename(temporary, join(directory, key))
    await prune(directory, capacity)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    await rm(temporary, { force: true }).catch(nothing)
  }
}

async function prune(directory: string, capacity: number): Promise<void> {
  const names = await readdir(directory)
  if (names.length <= capacity) return
  const ages = await Promise.all(names.map(async (name) => ({ name, at: (await stat(join(directory, name))).mtimeMs })))
  ages.sort((a, b) => a.at - b.at)
  for (const { name } of ages.slice(0, names.length - capacity)) await rm(join(directory, name), { force: true })
}

async function compileInChild(request: string, deadlineMs: number): Promise<CompiledSeccomp> {
  if (Buffer.byteLength(request) > MAX_REQUEST_BYTES) {
    throw new GantryError('invalid_argument', {
      action: 'compile seccomp profile',
      reason: `larger than ${MAX_REQUEST_BYTES} bytes`,
    })
  }
  const answer = await runChild(request, deadlineMs)
  const compiled = decodeRecord(answer)
  if (compiled !== undefined) return compiled
  throw reportedError(answer)
}

/** Runs the child to its end; its standard output. */
function runChild(request: string, deadlineMs: number): Promise<string> {
  const child = spawn(process.execPath, ['--no-warnings', CHILD], { env: {}, stdio: ['pipe', 'pipe', 'pipe'] })
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const fail = (code: ErrorCode, reason: string, cause?: unknown): void => {
    child.kill('SIGKILL')
    reject(new GantryError(code, { action: 'compile seccomp profile', reason, stage: 'seccomp', cause }))
  }
  const deadline = setTimeout(() => fail('deadline_exceeded', `libseccomp took over ${deadlineMs} ms`), deadlineMs)
  const output = collect(child.stdout, () => fail('internal', 'the compiler printed too much'))
  const complaint = collect(child.stderr, nothing)
  child.on('error', (cause) => fail('unavailable', 'the compiler could not be started', cause))
  child.on('close', (status, signal) => {
    clearTimeout(deadline)
    if (status === 0) resolve(output())
    else fail('internal', `the compiler ended with ${signal ?? status}: ${complaint().trim().slice(0, 500)}`)
  })
  // EPIPE of a child that died early: its end is reported by `close`.
  child.stdin.on('error', nothing)
  child.stdin.end(request)
  return promise
}

/** Gathers a stream up to the size of a record. */
function collect(stream: NodeJS.ReadableStream, tooLarge: () => void): () => string {
  const chunks: Buffer[] = []
  let size = 0
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > MAX_RECORD_BYTES) tooLarge()
    else chunks.push(chunk)
  })
  return () => Buffer.concat(chunks).toString('utf8')
}

interface Reported {
  readonly error: {
    readonly code: ErrorCode
    readonly action: string
    readonly subject?: string
    readonly message: string
  }
}

/** The child's own code of the same release wrote it, hence no validation of its shape. */
function reportedError(answer: string): GantryError {
  const { error }: Reported = JSON.parse(answer)
  const head = error.subject === undefined ? error.action : `${error.action} ${JSON.stringify(error.subject)}`
  const reason = error.message.startsWith(`${head}: `) ? error.message.slice(head.length + 2) : error.message
  return new GantryError(error.code, {
    action: error.action,
    ...(error.subject === undefined ? {} : { subject: error.subject }),
    reason,
  })
}
