// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import type { WriteCallback } from '../../runtime-core/keeper/client.ts'
import { freeBuffer } from '../../runtime-core/spent-buffer.ts'

/** Clients send at most 32 KiB in a message. */
const MAX_MESSAGE_BYTES = 1 << 20
/** Bytes on their way out before output waits, and on their way in before the client is not read. */
const MAX_WAITING_BYTES = 256 << 10
const CLOSE_NORMAL = 1000
const CLOSE_GRACE_MS = 5000

/** Completes the handshake; the caller has chosen the protocol, "" for a client that names none. Nothing is read yet. */
export function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocol: string,
): Promise<WebSocket> {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
  })
  // The names Kubernetes uses are no tokens of HTTP, which `ws` insists on ("SPDY/3.1+portforward.k8s.io").
  delete request.headers['sec-websocket-protocol']
  if (protocol !== '') server.on('headers', (lines) => lines.push(`Sec-WebSocket-Protocol: ${protocol}`))
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(new Error('the handshake failed'))
    socket.once('close', onClose)
    server.handleUpgrade(request, socket, head, (webSocket) => {
      socket.removeListener('close', onClose)
      // A client may have sent its first frames, broken ones too, with the request: who takes them is not there yet.
      webSocket.pause()
      webSocket.on('error', () => webSocket.terminate())
      resolve(webSocket)
    })
  })
}

/** Who takes what comes over the channels. */
export interface ChannelHandlers {
  /** `consumed` is called when the bytes are on their way, or with an error when they never will be. */
  message(channel: number, bytes: Buffer, consumed: WriteCallback): void
  /** v5: the client has said all it will on this channel. */
  channelEnd(channel: number): void
  /** There may be more again after `send` returned false. */
  drained(): void
  /** The connection is gone. Comes once. */
  closed(): void
}

const CLOSE_SIGNAL = 255

/** Numbered channels in the messages of a WebSocket (the `channel.k8s.io` family of protocols). */
export class WebSocketChannels {
  readonly #webSocket: WebSocket
  readonly #handlers: ChannelHandlers
  readonly #base64: boolean
  readonly #closesChannels: boolean
  readonly #count: number
  readonly #idle: NodeJS.Timeout
  #incoming = 0
  #outgoing = 0
  #congested = false

  /**
   * @param protocol What was agreed on. @param count Channels 0 to count−1 exist; messages for others are ignored.
   */
  constructor(webSocket: WebSocket, protocol: string, count: number, handlers: ChannelHandlers, idleMs: number) {
    this.#webSocket = webSocket
    this.#handlers = handlers
    this.#count = count
    this.#base64 = protocol.includes('base64')
    this.#closesChannels = protocol.startsWith('v5.')
    this.#idle = setTimeout(() => this.close(), idleMs).unref()
    webSocket.on('message', (data) => this.#receive(data))
    webSocket.on('ping', () => this.#idle.refresh())
    webSocket.once('close', () => {
      clearTimeout(this.#idle)
      handlers.closed()
    })
    webSocket.resume()
  }

  /** Sends a copy of bytes over a channel. False: wait for `drained`; they are queued all the same. */
  send(channel: number, bytes: Buffer): boolean {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return true
    this.#idle.refresh()
    const { length } = bytes
    const message = this.#base64 ? `${channel}${bytes.toString('base64')}` : withChannel(channel, bytes)
    this.#outgoing += length
    this.#webSocket.send(message, { binary: !this.#base64 }, (error) => {
      if (!error && message instanceof Buffer) freeBuffer(message)
      this.#outgoing -= length
      if (!this.#congested || this.#outgoing > MAX_WAITING_BYTES / 2) return
      this.#congested = false
      this.#handlers.drained()
    })
    this.#congested ||= this.#outgoing > MAX_WAITING_BYTES
    return !this.#congested
  }

  /** Closes in order, after what was sent. Idempotent. */
  close(): void {
    this.#webSocket.close(CLOSE_NORMAL)
    if (this.#webSocket.isPaused) this.#webSocket.resume()
    setTimeout(() => this.#webSocket.terminate(), CLOSE_GRACE_MS).unref()
  }

  #receive(data: RawData): void {
    this.#idle.refresh()
    // Of the forms that `ws` can deliver, a server that sets none gets buffers.
    if (!Buffer.isBuffer(data)) return
    const first = data[0]
    if (first === undefined) return
    const channel = this.#base64 ? first - 0x30 : first
    const bytes = this.#base64 ? Buffer.from(data.toString('latin1', 1), 'base64') : data.subarray(1)
    if (this.#closesChannels && channel === CLOSE_SIGNAL) this.#onCloseSignal(bytes)
    else if (channel >= 0 && channel < this.#count && bytes.length > 0) this.#onBytes(channel, bytes, data)
  }

  /** @param data The message that the bytes are part of. */
  #onBytes(channel: number, bytes: Buffer, data: Buffer): void {
    const { length } = bytes
    this.#incoming += length
    if (this.#incoming > MAX_WAITING_BYTES) this.#webSocket.pause()
    this.#handlers.message(channel, bytes, (error?: Error | null) => {
      if (!error) freeBuffer(data)
      this.#incoming -= length
      if (this.#webSocket.isPaused && this.#incoming <= MAX_WAITING_BYTES) this.#webSocket.resume()
    })
  }

  /** KEP-4006: 255 and the channel that ends, nothing else. */
  #onCloseSignal(bytes: Buffer): void {
    const [channel = CLOSE_SIGNAL] = bytes
    if (bytes.length !== 1 || channel >= this.#count) this.#webSocket.terminate()
    else this.#handlers.channelEnd(channel)
  }
}

/** Not from the pool, so that its memory can be given back when it is sent. */
function withChannel(channel: number, bytes: Buffer): Buffer {
  const message = Buffer.allocUnsafeSlow(1 + bytes.length)
  message[0] = channel
  bytes.copy(message, 1)
  return message
}
