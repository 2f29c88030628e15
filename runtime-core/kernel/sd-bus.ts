// SPDX-License-Identifier: Apache-2.0
import koffi, { type LibraryHandle } from 'koffi'
import { GantryError } from '../errors.ts'
import { errnoName } from './errno.ts'
import { type BusValue, elementOf, splitSignature, Variant } from './sd-bus-signature.ts'

export { type BusValue, Variant } from './sd-bus-signature.ts'

/** Whom a method call goes to, and which method it is. */
export interface BusMethod {
  readonly destination: string
  readonly path: string
  readonly interface: string
  readonly member: string
}

/** A message that came in: an answer, an error, or a signal. */
export type BusMessage =
  | { readonly kind: 'reply'; readonly cookie: bigint; readonly body: readonly BusValue[] }
  | { readonly kind: 'error'; readonly cookie: bigint; readonly name: string; readonly message: string }
  | { readonly kind: 'signal'; readonly member: string; readonly body: readonly BusValue[] }

/** `SD_BUS_MESSAGE_*` of sd-bus-protocol.h. */
const TYPE = { methodReturn: 2, methodError: 3, signal: 4 } as const
const STRINGS = 'sog'
const POINTER_BYTES = 8

/**
 * A bus as libsystemd sees it, over a descriptor that somebody else connects to the bus itself. Nothing here waits: what
 * has come is taken by {@link process}, and what is sent goes to the descriptor or is kept until it takes more.
 *
 * Main thread only (koffi). Freed by `using`; the descriptor goes with it.
 */
export class SdBus implements Disposable {
  readonly #calls: Calls
  readonly #bus: bigint
  #open = true

  /**
   * @param fd a connected stream socket; it belongs to libsystemd from here on, also where this fails
   * @param isClient true behind a bus daemon, false where systemd itself is at the other end
   */
  constructor(library: Libsystemd, fd: number, isClient: boolean) {
    this.#calls = library.calls
    const slot = pointerSlot()
    check(this.#calls.busNew(slot), 'make bus')
    this.#bus = pointerIn(slot)
    check(this.#calls.setFd(this.#bus, fd, fd), 'set descriptor of bus')
    check(this.#calls.setBusClient(this.#bus, isClient ? 1 : 0), 'set kind of bus')
    check(this.#calls.negotiateFds(this.#bus, 0), 'refuse descriptors of bus')
    check(this.#calls.start(this.#bus), 'start bus')
  }

  /** Queues a method call; its answer carries the cookie. `signature` is that of the arguments. */
  send(method: BusMethod, signature: string, values: readonly BusValue[]): bigint {
    const { destination, path, interface: name, member } = method
    const slot = pointerSlot()
    check(this.#calls.newCall(this.#bus, slot, destination, path, name, member), 'make call of', member)
    const message = pointerIn(slot)
    try {
      splitSignature(signature).forEach((type, index) => {
        this.#append(message, type, values[index])
      })
      const cookie = Buffer.alloc(8)
      check(this.#calls.send(this.#bus, message, cookie), 'send call of', member)
      return cookie.readBigUInt64LE()
    } finally {
      this.#calls.unrefMessage(message)
    }
  }

  /**
   * Takes what has come, and hands over what is for us; returns when nothing is left for now.
   *
   * @param signal the one member whose signals are read: systemd tells of every change of every unit
   * @throws GantryError `unavailable` when the connection is at its end, or was never accepted.
   */
  process(signal: string, take: (message: BusMessage) => void): void {
    while (this.#open) {
      const slot = pointerSlot()
      const result = this.#calls.process(this.#bus, slot)
      if (result < 0) {
        throw new GantryError('unavailable', { action: 'talk to bus', errno: errnoName(-result) })
      }
      if (result === 0) return
      const pointer = pointerIn(slot)
      if (pointer === 0n) continue
      const message = this.#read(pointer, signal)
      if (message !== undefined) take(message)
    }
  }

  [Symbol.dispose](): void {
    if (!this.#open) return
    this.#open = false
    this.#calls.close(this.#bus)
    this.#calls.unrefBus(this.#bus)
  }

  #append(message: bigint, type: string, value: BusValue | undefined): void {
    const kind = type.charAt(0)
    if (STRINGS.includes(kind)) {
      check(this.#calls.appendString(message, code(kind), String(value)), 'append to call', String(value))
    } else if (kind === 'v') {
      if (!(value instanceof Variant)) throw mismatch(type, value)
      this.#inside(message, 'v', value.signature, () => this.#append(message, value.signature, value.value))
    } else if (kind === 'a' || kind === '(' || kind === '{') {
      if (!Array.isArray(value)) throw mismatch(type, value)
      const { container, contents } = elementOf(type)
      const types = container === 'a' ? value.map(() => contents) : splitSignature(contents)
      this.#inside(message, container, contents, () => {
        types.forEach((each, index) => {
          this.#append(message, each, value[index])
        })
      })
    } else {
      check(this.#calls.appendNumber(message, code(kind), encodeNumber(kind, value)), 'append to call', String(value))
    }
  }

  #inside(message: bigint, container: string, contents: string, fill: () => void): void {
    check(this.#calls.openContainer(message, code(container), contents), 'open container of', contents)
    fill()
    check(this.#calls.closeContainer(message), 'close container of', contents)
  }

  #read(pointer: bigint, signal: string): BusMessage | undefined {
    try {
      return this.#decode(pointer, signal)
    } finally {
      this.#calls.unrefMessage(pointer)
    }
  }

  #decode(pointer: bigint, signal: string): BusMessage | undefined {
    const type = Buffer.alloc(1)
    check(this.#calls.getType(pointer, type), 'read type of message')
    if (type[0] === TYPE.signal) {
      const member = this.#calls.getMember(pointer)
      return member === signal ? { kind: 'signal', member, body: this.#body(pointer) } : undefined
    }
    if (type[0] !== TYPE.methodReturn && type[0] !== TYPE.methodError) return undefined
    const slot = Buffer.alloc(8)
    check(this.#calls.getReplyCookie(pointer, slot), 'read cookie of message')
    const cookie = slot.readBigUInt64LE()
    if (type[0] === TYPE.methodReturn) return { kind: 'reply', cookie, body: this.#body(pointer) }
    const error = this.#calls.getError(pointer)
    return { kind: 'error', cookie, name: error?.name ?? 'unknown', message: error?.message ?? '' }
  }

  #body(message: bigint): BusValue[] {
    const signature = this.#calls.getSignature(message, 1) ?? ''
    return splitSignature(signature).map((type) => this.#value(message, type))
  }

  #value(message: bigint, type: string): BusValue {
    const kind = type.charAt(0)
    if (STRINGS.includes(kind)) {
      const text: [string | null] = [null]
      check(this.#calls.readString(message, code(kind), text), 'read message')
      return text[0] ?? ''
    }
    if (kind === 'v') return this.#variant(message)
    if (kind !== 'a' && kind !== '(' && kind !== '{') {
      const bytes = Buffer.alloc(8)
      check(this.#calls.readNumber(message, code(kind), bytes), 'read message')
      return decodeNumber(kind, bytes)
    }
    const { container, contents } = elementOf(type)
    check(this.#calls.enterContainer(message, code(container), contents), 'read message')
    const values: BusValue[] = []
    if (container !== 'a') values.push(...splitSignature(contents).map((each) => this.#value(message, each)))
    else while (this.#calls.atEnd(message, 0) === 0) values.push(this.#value(message, contents))
    check(this.#calls.exitContainer(message), 'read message')
    return values
  }

  #variant(message: bigint): Variant {
    const kind = Buffer.alloc(1)
    const contents: [string | null] = [null]
    check(this.#calls.peekType(message, kind, contents), 'read message')
    const signature = contents[0] ?? ''
    check(this.#calls.enterContainer(message, code('v'), signature), 'read message')
    const value = this.#value(message, signature)
    check(this.#calls.exitContainer(message), 'read message')
    return new Variant(signature, value)
  }
}

/** libsystemd, loaded. */
export interface Libsystemd {
  readonly calls: Calls
}

/**
 * Loads libsystemd; 1 ms, and only where the systemd cgroup driver is asked for.
 *
 * @throws GantryError failed_precondition, with a hint, when the library is not installed.
 */
export function loadLibsystemd(file = 'libsystemd.so.0'): Libsystemd {
  let library: LibraryHandle
  try {
    library = koffi.load(file)
  } catch (cause) {
    const hint = 'install libsystemd (Debian, Ubuntu: libsystemd0; Fedora: systemd-libs), or use cgroup-driver cgroupfs'
    throw new GantryError('failed_precondition', { action: 'load library', subject: file, hint, cause })
  }
  return { calls: bind(library) }
}

interface BusError {
  readonly name: string | null
  readonly message: string | null
}

type Calls = ReturnType<typeof bind>

/** Every function returns −errno for a failure. Out pointers are buffers of their size. */
function bind(library: LibraryHandle) {
  const error = koffi.struct({ name: 'const char *', message: 'const char *', needFree: 'int' })
  const getError = library.func('const void *sd_bus_message_get_error(void *m)') as (m: bigint) => bigint | null
  const fn = <T>(prototype: string): T => library.func(prototype) as T
  return {
    busNew: fn<(out: Buffer) => number>('int sd_bus_new(void *out)'),
    setFd: fn<(bus: bigint, input: number, output: number) => number>('int sd_bus_set_fd(void *bus, int in, int out)'),
    setBusClient: fn<(bus: bigint, on: number) => number>('int sd_bus_set_bus_client(void *bus, int on)'),
    negotiateFds: fn<(bus: bigint, on: number) => number>('int sd_bus_negotiate_fds(void *bus, int on)'),
    start: fn<(bus: bigint) => number>('int sd_bus_start(void *bus)'),
    process: fn<(bus: bigint, out: Buffer) => number>('int sd_bus_process(void *bus, void *out)'),
    close: fn<(bus: bigint) => void>('void sd_bus_close(void *bus)'),
    unrefBus: fn<(bus: bigint) => bigint | null>('void *sd_bus_unref(void *bus)'),
    newCall: fn<(bus: bigint, out: Buffer, to: string, path: string, name: string, member: string) => number>(
      'int sd_bus_message_new_method_call(void *bus, void *out, const char *to, const char *path, const char *name, const char *member)',
    ),
    send: fn<(bus: bigint, m: bigint, cookie: Buffer) => number>('int sd_bus_send(void *bus, void *m, void *cookie)'),
    unrefMessage: fn<(m: bigint) => bigint | null>('void *sd_bus_message_unref(void *m)'),
    appendString: fn<(m: bigint, type: number, text: string) => number>(
      'int sd_bus_message_append_basic(void *m, uint8_t type, const char *text)',
    ),
    appendNumber: fn<(m: bigint, type: number, value: Buffer) => number>(
      'int sd_bus_message_append_basic(void *m, uint8_t type, const void *value)',
    ),
    openContainer: fn<(m: bigint, type: number, contents: string) => number>(
      'int sd_bus_message_open_container(void *m, uint8_t type, const char *contents)',
    ),
    closeContainer: fn<(m: bigint) => number>('int sd_bus_message_close_container(void *m)'),
    readString: fn<(m: bigint, type: number, out: [string | null]) => number>(
      'int sd_bus_message_read_basic(void *m, uint8_t type, _Out_ const char **text)',
    ),
    readNumber: fn<(m: bigint, type: number, out: Buffer) => number>(
      'int sd_bus_message_read_basic(void *m, uint8_t type, void *value)',
    ),
    enterContainer: fn<(m: bigint, type: number, contents: string) => number>(
      'int sd_bus_message_enter_container(void *m, uint8_t type, const char *contents)',
    ),
    exitContainer: fn<(m: bigint) => number>('int sd_bus_message_exit_container(void *m)'),
    peekType: fn<(m: bigint, type: Buffer, contents: [string | null]) => number>(
      'int sd_bus_message_peek_type(void *m, void *type, _Out_ const char **contents)',
    ),
    atEnd: fn<(m: bigint, complete: number) => number>('int sd_bus_message_at_end(void *m, int complete)'),
    getType: fn<(m: bigint, out: Buffer) => number>('int sd_bus_message_get_type(void *m, void *type)'),
    getReplyCookie: fn<(m: bigint, out: Buffer) => number>(
      'int sd_bus_message_get_reply_cookie(void *m, void *cookie)',
    ),
    getMember: fn<(m: bigint) => string | null>('const char *sd_bus_message_get_member(void *m)'),
    getSignature: fn<(m: bigint, complete: number) => string | null>(
      'const char *sd_bus_message_get_signature(void *m, int complete)',
    ),
    getError: (m: bigint): BusError | undefined => {
      const pointer = getError(m)
      return pointer === null || pointer === 0n ? undefined : (koffi.decode(pointer, error) as BusError)
    },
  }
}

function check(result: number, action: string, subject?: string): void {
  if (result >= 0) return
  const errno = errnoName(-result)
  const code = errno === 'ENOTCONN' || errno === 'ECONNRESET' || errno === 'ENOBUFS' ? 'unavailable' : 'internal'
  throw new GantryError(code, { action, ...(subject === undefined ? {} : { subject }), errno })
}

function pointerSlot(): Buffer {
  return Buffer.alloc(POINTER_BYTES)
}

function pointerIn(slot: Buffer): bigint {
  return slot.readBigUInt64LE()
}

function code(letter: string): number {
  return letter.charCodeAt(0)
}

function mismatch(type: string, value: unknown): GantryError {
  return new GantryError('internal', { action: 'append to call', subject: type, reason: `got a ${typeof value}` })
}

/** Where libsystemd reads a number of that type; a boolean is an int there. */
function encodeNumber(type: string, value: BusValue | undefined): Buffer {
  if (typeof value === 'boolean') return encodeNumber('i', value ? 1 : 0)
  if (typeof value !== 'number' && typeof value !== 'bigint') throw mismatch(type, value)
  if (type === 'd') return doubleBytes(Number(value))
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)))
  return bytes
}

function doubleBytes(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return bytes
}

function decodeNumber(type: string, bytes: Buffer): number | bigint | boolean {
  if (type === 'b') return bytes.readInt32LE() !== 0
  if (type === 'y') return bytes.readUInt8()
  if (type === 'n') return bytes.readInt16LE()
  if (type === 'q') return bytes.readUInt16LE()
  if (type === 'i') return bytes.readInt32LE()
  if (type === 'u') return bytes.readUInt32LE()
  if (type === 'd') return bytes.readDoubleLE()
  return type === 'x' ? bytes.readBigInt64LE() : bytes.readBigUInt64LE()
}
