// SPDX-License-Identifier: Apache-2.0
import { connect, Socket } from 'node:net'
import { errnoOf, GantryError } from '../errors.ts'
import { createSocketPair } from './libc.ts'
import { type BusMessage, type BusMethod, type BusValue, type Libsystemd, SdBus } from './sd-bus.ts'

/** A bus and how it is reached. */
export interface BusAddress {
  /** A unix socket. */
  readonly path: string
  /** False where systemd itself listens: no Hello, no match rules, and every signal is sent to us. */
  readonly isBroker: boolean
}

/** The one signal that is listened to, and who hears of it. */
export interface SignalListener {
  readonly member: string
  heard(body: readonly BusValue[]): void
}

/** An error that the called service answered. */
export class BusCallError extends GantryError {
  /** As in `org.freedesktop.systemd1.UnitExists`. */
  readonly busName: string

  constructor(method: BusMethod, subject: string, name: string, message: string) {
    const code = name.endsWith('.Timeout') || name.endsWith('.TimedOut') ? 'deadline_exceeded' : 'internal'
    super(code, { action: `call ${method.member} for`, subject, reason: `${name}: ${message}` })
    this.busName = name
  }
}

interface Pending {
  readonly method: BusMethod
  readonly subject: string
  readonly resolve: (body: readonly BusValue[]) => void
  readonly reject: (error: GantryError) => void
}

const CONNECT_TIMEOUT_MS = 10_000
const RETRY_MS = 50
/**
 * Of connect(2): nobody accepts fast enough (a full backlog), or nobody listens for the moment: systemd, when it executes
 * itself anew, leaves its socket's file there until it has made another.
 */
const BUSY = ['EAGAIN', 'EWOULDBLOCK', 'ECONNREFUSED']

/**
 * A connection to a D-Bus service by libsystemd, without a wait on the main thread and without a thread of its own:
 * libsystemd speaks into one end of a socket pair, and Node carries the bytes between the other end and the bus. So
 * libsystemd is only called when something has come, and never finds a descriptor that would make it wait.
 */
export class SdBusConnection {
  readonly #bus: SdBus
  readonly #inner: Socket
  readonly #outer: Socket
  readonly #pending = new Map<bigint, Pending>()
  readonly #listener: SignalListener
  readonly #lost = Promise.withResolvers<GantryError>()
  #failure: GantryError | undefined

  private constructor(bus: SdBus, inner: Socket, outer: Socket, listener: SignalListener) {
    this.#bus = bus
    this.#inner = inner
    this.#outer = outer
    this.#listener = listener
    inner.on('data', (bytes: Buffer) => {
      outer.write(bytes)
      // The descriptor takes more now: what libsystemd has kept can go.
      this.#process()
    })
    outer.on('data', (bytes: Buffer) => inner.write(bytes, () => this.#process()))
    for (const socket of [inner, outer]) {
      socket.on('error', (cause: unknown) => this.#fail(cause))
      socket.on('close', () => this.#fail(undefined))
    }
  }

  /** Connects; behind a broker, a match rule for the signal is the caller's to add. */
  static async open(library: Libsystemd, address: BusAddress, listener: SignalListener): Promise<SdBusConnection> {
    const outer = await connectTo(address.path)
    const [ours, theirs] = createSocketPair()
    const inner = new Socket({ fd: ours, readable: true, writable: true })
    let bus: SdBus
    try {
      bus = new SdBus(library, theirs, address.isBroker)
    } catch (error) {
      inner.destroy()
      outer.destroy()
      throw error
    }
    const connection = new SdBusConnection(bus, inner, outer, listener)
    connection.#process()
    return connection
  }

  get closed(): boolean {
    return this.#failure !== undefined
  }

  /** Resolves with the reason when the connection is at its end. */
  get lost(): Promise<GantryError> {
    return this.#lost.promise
  }

  /**
   * Calls a method and waits for the answer.
   *
   * @param subject what it is done to, for the error
   * @throws BusCallError where the service refuses; GantryError `deadline_exceeded`, or `unavailable` where the
   * connection ends: what was asked for may have been done then.
   */
  async call(
    method: BusMethod,
    subject: string,
    signature: string,
    values: readonly BusValue[],
    timeoutMs: number,
  ): Promise<readonly BusValue[]> {
    if (this.#failure !== undefined) throw this.#failure
    const cookie = this.#bus.send(method, signature, values)
    const answer = Promise.withResolvers<readonly BusValue[]>()
    this.#pending.set(cookie, { method, subject, resolve: answer.resolve, reject: answer.reject })
    const timer = setTimeout(() => {
      const reason = `no answer within ${timeoutMs} ms`
      answer.reject(new GantryError('deadline_exceeded', { action: `call ${method.member} for`, subject, reason }))
    }, timeoutMs)
    try {
      return await answer.promise
    } finally {
      clearTimeout(timer)
      this.#pending.delete(cookie)
    }
  }

  close(): void {
    this.#fail(undefined)
  }

  #process(): void {
    if (this.#failure !== undefined) return
    try {
      this.#bus.process(this.#listener.member, (message) => this.#take(message))
    } catch (cause) {
      this.#fail(cause)
    }
  }

  #take(message: BusMessage): void {
    if (message.kind === 'signal') {
      this.#listener.heard(message.body)
      return
    }
    const pending = this.#pending.get(message.cookie)
    if (message.kind === 'reply') pending?.resolve(message.body)
    else pending?.reject(new BusCallError(pending.method, pending.subject, message.name, message.message))
  }

  #fail(cause: unknown): void {
    if (this.#failure !== undefined) return
    const reason = 'the connection closed'
    this.#failure = new GantryError('unavailable', {
      action: 'talk to bus',
      ...(cause === undefined ? { reason } : { cause }),
    })
    for (const { method, subject, reject } of this.#pending.values()) {
      reject(new GantryError('unavailable', { action: `call ${method.member} for`, subject, cause: this.#failure }))
    }
    this.#pending.clear()
    this.#bus[Symbol.dispose]()
    this.#inner.destroy()
    this.#outer.destroy()
    this.#lost.resolve(this.#failure)
  }
}

/** @throws GantryError failed_precondition where there is no such socket, unavailable where nobody accepts in time. */
async function connectTo(path: string): Promise<Socket> {
  const deadline = performance.now() + CONNECT_TIMEOUT_MS
  for (;;) {
    try {
      return await attempt(path, deadline - performance.now())
    } catch (cause) {
      const errno = errnoOf(cause)
      const busy = errno !== undefined && BUSY.includes(errno)
      if (!busy || performance.now() + RETRY_MS > deadline) {
        const code = busy || errno === undefined ? 'unavailable' : 'failed_precondition'
        throw new GantryError(code, { action: 'connect to bus', subject: path, cause })
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }
}

async function attempt(path: string, timeoutMs: number): Promise<Socket> {
  const socket = connect(path)
  const done = Promise.withResolvers<void>()
  const timer = setTimeout(() => done.reject(new Error(`not accepted within ${timeoutMs} ms`)), timeoutMs)
  socket.once('connect', () => done.resolve())
  socket.once('error', done.reject)
  try {
    await done.promise
    socket.off('error', done.reject)
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    clearTimeout(timer)
  }
}
