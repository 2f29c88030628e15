// SPDX-License-Identifier: Apache-2.0
import { request } from 'node:http'
import type { Duplex } from 'node:stream'
import { constants, createDeflate } from 'node:zlib'
import { DICTIONARY } from '../spdy/dictionary.ts'
import { CONTROL, controlFrame, dataHead } from '../spdy/frames.ts'

/** A frame from the server, as the wire has it. */
export interface ServerFrame {
  /** 0: data. */
  readonly type: number
  readonly streamId: number
  readonly flags: number
  readonly payload: Buffer
}

/** Asks a streaming URL for SPDY, as kubelets do. */
export async function dialSpdy(url: string, protocols: readonly string[]): Promise<SpdyClient> {
  const [socket, head] = await new Promise<[Duplex, Buffer]>((resolve, reject) => {
    const ask = request(url, {
      method: 'POST',
      headers: { Connection: 'Upgrade', Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': [...protocols] },
    })
    ask.on('upgrade', (_, upgraded, rest) => resolve([upgraded, rest]))
    ask.on('response', (response) => {
      response.resume()
      reject(new Error(`HTTP ${response.statusCode}`))
    })
    ask.on('error', reject)
    ask.end()
  })
  if (head.length > 0) socket.unshift(head)
  return new SpdyClient(socket)
}

/** The client's side of SPDY/3.1, as far as tests need it: like the kubelet's it sends no WINDOW_UPDATE by itself. */
export class SpdyClient {
  readonly socket: Duplex
  readonly frames: ServerFrame[] = []
  readonly closed: Promise<void>
  readonly #deflate = createDeflate({ dictionary: DICTIONARY, level: 9 })
  readonly #compressed: Buffer[] = []
  readonly #streams = new Map<number, ClientStream>()
  #rest: Buffer = Buffer.alloc(0)
  #nextId = 1

  constructor(socket: Duplex) {
    this.socket = socket
    this.#deflate.on('data', (piece: Buffer) => this.#compressed.push(piece))
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', () => socket.destroy())
    this.closed = new Promise((resolve) => {
      socket.once('close', resolve)
      socket.once('end', () => {
        socket.end()
        resolve()
      })
    })
    this.closed.then(
      () => {
        for (const stream of this.#streams.values()) stream.onEnd()
      },
      () => undefined,
    )
  }

  /** Opens a stream; resolves when the server has accepted it. @throws Error when it is refused. */
  async open(headers: Readonly<Record<string, string>>, fin = false): Promise<ClientStream> {
    const stream = new ClientStream(this, this.#nextId)
    this.#nextId += 2
    this.#streams.set(stream.id, stream)
    const block = await this.headerBlock(headers)
    this.send(synStream(stream.id, block, fin))
    await stream.accepted
    return stream
  }

  send(...parts: readonly Buffer[]): boolean {
    return this.socket.write(Buffer.concat(parts))
  }

  /** Headers compressed as the next block of this connection. */
  async headerBlock(headers: Readonly<Record<string, string>>): Promise<Buffer> {
    const texts = Object.entries(headers).flat()
    const words = [
      uint32(texts.length / 2),
      ...texts.flatMap((text) => [uint32(Buffer.byteLength(text)), Buffer.from(text)]),
    ]
    this.#deflate.write(Buffer.concat(words))
    await new Promise<void>((resolve) => this.#deflate.flush(constants.Z_SYNC_FLUSH, resolve))
    // The last piece is emitted after the flush is done.
    await new Promise((resolve) => setImmediate(resolve))
    return Buffer.concat(this.#compressed.splice(0))
  }

  #receive(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    while (bytes.length >= 8 && bytes.length >= 8 + bytes.readUIntBE(5, 3)) {
      const payload = bytes.subarray(8, 8 + bytes.readUIntBE(5, 3))
      const control = (bytes.readUInt8(0) & 0x80) !== 0
      const type = control ? bytes.readUInt16BE(2) : 0
      const streamId = control ? (payload.length >= 4 ? payload.readUInt32BE(0) : 0) : bytes.readUInt32BE(0)
      const frame = { type, streamId, flags: bytes.readUInt8(4), payload }
      if (control) this.frames.push(frame)
      this.#streams.get(streamId)?.onFrame(frame)
      bytes = bytes.subarray(8 + payload.length)
    }
    this.#rest = bytes
  }
}

/** A stream that the client opened. */
export class ClientStream {
  readonly id: number
  readonly accepted: Promise<void>
  /** Resolves with all that came, at the end of the stream. */
  readonly text: Promise<string>
  /** Bytes that came so far. */
  received = 0
  /** Keeps nothing of what comes but its number. */
  discards = false
  wasReset = false
  readonly #client: SpdyClient
  readonly #accept = Promise.withResolvers<void>()
  readonly #end = Promise.withResolvers<string>()
  readonly #chunks: Buffer[] = []
  #watchers: (() => void)[] = []

  constructor(client: SpdyClient, id: number) {
    this.#client = client
    this.id = id
    this.accepted = this.#accept.promise
    this.text = this.#end.promise
    this.accepted.catch(() => undefined)
  }

  write(bytes: string | Buffer): boolean {
    const payload = Buffer.from(bytes)
    return this.#client.send(dataHead(this.id, payload.length, false), payload)
  }

  end(): void {
    this.#client.send(dataHead(this.id, 0, true))
  }

  reset(): void {
    this.#client.send(controlFrame(CONTROL.rstStream, 0, [this.id, 5]))
  }

  /** Waits until what came contains `text`. */
  async until(text: string): Promise<void> {
    while (!Buffer.concat(this.#chunks).includes(text)) {
      await new Promise<void>((resolve) => this.#watchers.push(resolve))
    }
  }

  onFrame({ type, flags, payload }: ServerFrame): void {
    if (type === CONTROL.synReply) this.#accept.resolve()
    else if (type === CONTROL.rstStream) {
      this.wasReset = true
      this.#accept.reject(new Error(`stream ${this.id} was reset: status ${payload.readUInt32BE(4)}`))
      this.onEnd()
    } else if (type === 0) {
      this.received += payload.length
      if (!this.discards) this.#chunks.push(Buffer.from(payload))
      if ((flags & 1) !== 0) this.onEnd()
    }
    for (const watcher of this.#watchers.splice(0)) watcher()
  }

  onEnd(): void {
    this.#accept.reject(new Error(`stream ${this.id} ended with its connection`))
    this.#end.resolve(Buffer.concat(this.#chunks).toString())
  }
}

/** A SYN_STREAM frame with a header block that is compressed already. */
export function synStream(id: number, block: Buffer, fin = false): Buffer {
  return controlFrame(CONTROL.synStream, fin ? 1 : 0, [id, 0], Buffer.concat([Buffer.of(0, 0), block]))
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
