// SPDX-License-Identifier: Apache-2.0
import { connect, type Socket } from 'node:net'
import { GantryError } from '../errors.ts'
import { errnoName } from '../kernel/errno.ts'
import { type SentSlot, SLOTS } from '../plan/ops.ts'
import { SharedBuffer } from '../spent-buffer.ts'
import {
  decodeRecord,
  encodeFrame,
  encodeHead,
  encodePayload,
  type Frame,
  FrameReader,
  PROCESS_KIND,
  PROTOCOL_VERSION,
  type ProcessExit,
  type ProcessKind,
  type ProcessRecord,
  REPLY,
  REQUEST,
  SIGNAL_FLAG,
  type SignalScope,
} from './protocol.ts'

/** What to start. Empty strings stand for "none". */
export interface LaunchRequest {
  readonly kind: ProcessKind
  readonly id: string
  /** Bits of `IO` (protocol.ts). */
  readonly io: number
  /** How long output may still come after the process is dead, milliseconds. */
  readonly drainMs: number
  /** Longest piece of a log line, bytes. */
  readonly maxLogLineBytes: number
  /** exec: the container whose init the plan's `target` slot is. */
  readonly target: string
  readonly logPath: string
  readonly oomPath: string
  readonly killPath: string
  readonly procsPath: string
  readonly plan: Uint8Array
}

/** What came of a launch: `errno` 0 for success, else the index of the operation that failed. */
export interface LaunchResult {
  /** For {@link KeeperClient.write}. */
  readonly call: number
  readonly errno: number
  readonly failedOp: number
  readonly pid: number
  readonly startedAtNs: bigint
  /** Nanoseconds of each operation of the plan. */
  readonly times: readonly number[]
}

export interface KeeperHello {
  readonly pid: number
  /** Descriptor numbers of the pod's namespaces in the keeper: `/proc/<pid>/fd/<n>` is their path. */
  readonly podDescriptors: ReadonlyMap<SentSlot, number>
  readonly processes: readonly ProcessRecord[]
}

/** Receives what a launched or attached process writes, and its end. */
export interface OutputSink {
  /**
   * No bytes: the end of this stream, where it comes before the process's own. Who calls `done` holds the bytes no more:
   * their memory is given back then, and not by the garbage collector some time.
   */
  output(stream: 1 | 2, bytes: Buffer, done: () => void): void
  exit(exit: ProcessExit): void
  /** The keeper died or the connection broke: there will be no `exit`. */
  lost(error: GantryError): void
}

/** Without an error, the bytes are held by nobody but the caller. */
export type WriteCallback = (() => void) | ((error?: Error | null) => void)

const POD_SLOTS = [SLOTS.podNet, SLOTS.podIpc, SLOTS.podUts, SLOTS.podUser, SLOTS.podPid, SLOTS.podMount] as const
const HELLO_HEAD_BYTES = 12 + 4 * POD_SLOTS.length

interface Pending {
  readonly resolve: (frame: Frame) => void
  readonly reject: (error: GantryError) => void
}

/**
 * A connection to one pod's keeper. Every call fails with `unavailable` once the keeper is gone.
 * The daemon keeps one per pod; streaming uses further ones, because a slow reader holds up its connection.
 */
export class KeeperClient {
  readonly #socket: Socket
  readonly #reader = new FrameReader()
  readonly #pending = new Map<number, Pending>()
  readonly #sinks = new Map<number, OutputSink>()
  readonly #onExit: (record: ProcessRecord) => void
  readonly #onLost: (error: GantryError) => void
  #nextId = 1
  #lost: GantryError | undefined

  private constructor(socket: Socket, onExit: (record: ProcessRecord) => void, onLost: (error: GantryError) => void) {
    this.#socket = socket
    this.#onExit = onExit
    this.#onLost = onLost
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', (cause) => this.#fail(cause))
    socket.on('close', () => this.#fail(undefined))
  }

  /**
   * Connects to the socket at `path`. `onExit` hears of containers that end (after `hello(true)`), `onLost` once when
   * the keeper is gone.
   *
   * @throws GantryError `unavailable` where nobody listens.
   */
  static async connect(
    path: string,
    onExit: (record: ProcessRecord) => void = ignore,
    onLost: (error: GantryError) => void = ignore,
  ): Promise<KeeperClient> {
    const socket = connect(path)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', () => {
        socket.removeListener('error', reject)
        resolve()
      })
      socket.once('error', reject)
    }).catch((cause: unknown) => {
      throw new GantryError('unavailable', { action: 'connect to keeper', subject: path, cause })
    })
    return new KeeperClient(socket, onExit, onLost)
  }

  /** Compares versions, tells what lives; with `subscribe`, exits are reported from here on, none in between is lost. */
  async hello(subscribe: boolean): Promise<KeeperHello> {
    const frame = await this.#call(REQUEST.hello, encodePayload([PROTOCOL_VERSION, subscribe ? 1 : 0], []))
    if (frame.type !== REPLY.hello) throw this.#statusError('greet keeper', frame)
    const count = frame.payload.readUInt32LE(8)
    const processes: ProcessRecord[] = []
    for (let at = HELLO_HEAD_BYTES; processes.length < count; ) {
      const { record, next } = decodeRecord(frame.payload, at)
      processes.push(record)
      at = next
    }
    return { pid: frame.payload.readUInt32LE(4), podDescriptors: podDescriptors(frame.payload), processes }
  }

  /** Runs a plan. A failure of the plan is a result, not an exception; `sink` needs `IO.stream`. */
  async launch(request: LaunchRequest, sink?: OutputSink): Promise<LaunchResult> {
    const payload = encodePayload(
      [PROCESS_KIND[request.kind], request.io, request.drainMs, request.maxLogLineBytes],
      [request.id, request.target, request.logPath, request.oomPath, request.killPath, request.procsPath],
      request.plan,
    )
    const call = this.#nextId
    const frame = await this.#call(REQUEST.launch, payload, sink)
    if (frame.type !== REPLY.launched) {
      this.#sinks.delete(call)
      throw this.#statusError(`launch ${request.kind} "${request.id}"`, frame)
    }
    const times = Array.from({ length: frame.payload.readUInt32LE(12) }, (_, i) =>
      frame.payload.readUInt32LE(24 + i * 4),
    )
    return {
      call,
      errno: frame.payload.readInt32LE(0),
      failedOp: frame.payload.readUInt32LE(4),
      pid: frame.payload.readInt32LE(8),
      startedAtNs: frame.payload.readBigUInt64LE(16),
      times,
    }
  }

  /**
   * Sends a signal to a process, its group, or all of its cgroup.
   *
   * @throws GantryError `not_found` when it is not there any more.
   */
  async signal(id: string, signo: number, scope: SignalScope = 'process'): Promise<void> {
    await this.#status(`signal ${signo} to`, id, REQUEST.signal, encodePayload([signo, SIGNAL_FLAG[scope]], [id]))
  }

  /** Opens the log path anew, for rotation; on error the old file stays in use. */
  async reopenLog(id: string): Promise<void> {
    await this.#status('reopen log of', id, REQUEST.reopenLog, encodePayload([], [id]))
  }

  /** Joins a container's output (and input); the returned id is for {@link write}. */
  async attach(id: string, io: number, sink: OutputSink): Promise<number> {
    const call = this.#nextId
    const frame = await this.#call(REQUEST.attach, encodePayload([io], [id]), sink)
    if (frame.payload.readInt32LE(0) !== 0) {
      this.#sinks.delete(call)
      throw this.#statusError(`attach to "${id}"`, frame)
    }
    return call
  }

  async resize(id: string, rows: number, columns: number): Promise<void> {
    await this.#status('resize terminal of', id, REQUEST.resize, encodePayload([rows, columns], [id]))
  }

  /**
   * Sends input for a launch or attach of this connection; `end` closes it after these bytes. `written` is called when
   * the kernel has taken them, or, with an error, when the connection is gone: until then they are the caller's to count.
   */
  write(call: number, bytes: Uint8Array, end: boolean, written: WriteCallback = ignore): void {
    this.#socket.cork()
    this.#socket.write(encodeHead(REQUEST.stdin, end ? 1 : 0, call, bytes.length))
    this.#socket.write(bytes, written)
    this.#socket.uncork()
  }

  /** Takes nothing from the keeper until {@link resume}: it stops reading the processes that feed this connection. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Drops the record of a process that ended. */
  async forget(id: string): Promise<void> {
    await this.#status('forget', id, REQUEST.forget, encodePayload([], [id]))
  }

  /** Kills everything and ends the keeper; resolves when it is gone. */
  async shutdown(): Promise<void> {
    const gone = new Promise<void>((resolve) => {
      if (this.#socket.closed) resolve()
      else this.#socket.once('close', () => resolve())
    })
    if (this.#lost === undefined) this.#socket.write(encodeFrame(REQUEST.shutdown, 0, this.#nextId++, Buffer.alloc(0)))
    await gone
  }

  get closed(): boolean {
    return this.#lost !== undefined
  }

  close(): void {
    this.#socket.destroy()
  }

  async #status(action: string, id: string, type: number, payload: Buffer): Promise<void> {
    const frame = await this.#call(type, payload)
    if (frame.payload.readInt32LE(0) !== 0) throw this.#statusError(`${action} "${id}"`, frame)
  }

  #call(type: number, payload: Uint8Array, sink?: OutputSink): Promise<Frame> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost)
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      if (sink !== undefined) this.#sinks.set(id, sink)
      this.#socket.write(encodeFrame(type, 0, id, payload))
    })
  }

  #receive(chunk: Buffer): void {
    try {
      const frames = this.#reader.push(chunk)
      const shared = new SharedBuffer(chunk, frames.length)
      for (const frame of frames) this.#dispatch(frame, shared.release)
    } catch (cause) {
      this.#fail(cause)
      this.#socket.destroy()
    }
  }

  /** @param done The frame is held by nobody any more; not called for what is kept. */
  #dispatch(frame: Frame, done: () => void): void {
    if (frame.type === REPLY.output) {
      this.#sinks.get(frame.id)?.output(frame.flags === 2 ? 2 : 1, frame.payload, done)
    } else if (frame.type === REPLY.exit) {
      this.#exited(frame)
    } else {
      const pending = this.#pending.get(frame.id)
      this.#pending.delete(frame.id)
      if (pending === undefined) this.#cutOff(frame)
      if (frame.type === REPLY.launched && frame.payload.readInt32LE(0) !== 0) this.#sinks.delete(frame.id)
      pending?.resolve(frame)
    }
  }

  /** A status that nobody asked for: the keeper took an attachment away that did not read. */
  #cutOff(frame: Frame): void {
    const sink = this.#sinks.get(frame.id)
    this.#sinks.delete(frame.id)
    sink?.lost(this.#statusError('read from keeper', frame))
  }

  #exited(frame: Frame): void {
    const { record } = decodeRecord(frame.payload, 0)
    if (frame.id === 0) {
      this.#onExit(record)
      return
    }
    const sink = this.#sinks.get(frame.id)
    this.#sinks.delete(frame.id)
    if (record.exit !== undefined) sink?.exit(record.exit)
  }

  #statusError(action: string, frame: Frame): GantryError {
    const errno = errnoName(frame.payload.readInt32LE(0))
    const code = errno === 'ESRCH' ? 'not_found' : errno === 'EEXIST' ? 'already_exists' : 'internal'
    return new GantryError(code, { action, errno })
  }

  #fail(cause: unknown): void {
    if (this.#lost !== undefined) return
    const reason = { action: 'talk to keeper', reason: 'the connection closed' }
    this.#lost = new GantryError('unavailable', cause === undefined ? reason : { ...reason, cause })
    for (const pending of this.#pending.values()) pending.reject(this.#lost)
    for (const sink of this.#sinks.values()) sink.lost(this.#lost)
    this.#pending.clear()
    this.#sinks.clear()
    this.#onLost(this.#lost)
  }
}

function podDescriptors(payload: Buffer): ReadonlyMap<SentSlot, number> {
  const found = POD_SLOTS.map((slot, index) => [slot, payload.readInt32LE(12 + index * 4)] as const)
  return new Map(found.filter(([, fd]) => fd >= 0))
}

function ignore(): undefined {
  return undefined
}
