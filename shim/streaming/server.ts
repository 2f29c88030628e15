// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type Duplex, finished } from 'node:stream'
import { GantryError } from '../../runtime-core/errors.ts'
import {
  chooseProtocol,
  listOf,
  PORT_FORWARD_SPDY,
  PORT_FORWARD_WEBSOCKET,
  REMOTE_COMMAND_SPDY,
  REMOTE_COMMAND_WEBSOCKET,
} from './negotiate.ts'
import { serveRemoteCommand } from './remote-command.ts'
import { serveSpdyForward } from './spdy-forward.ts'
import { connectSpdyRemote, type RemoteLimits } from './spdy-remote.ts'
import type { Ticket } from './ticket.ts'
import { Tokens } from './tokens.ts'

export interface StreamingOptions {
  /** `address:port`; port 0 lets the kernel choose. */
  readonly listen: string
  /** Paths of a certificate with its chain and of its key; undefined: plain HTTP. */
  readonly tls: { readonly certPath: string; readonly keyPath: string } | undefined
  readonly nowMs: () => number
  readonly limits: RemoteLimits
  /** A session ended with an error that its client could not be told. */
  readonly onError: (error: unknown) => void
}

/** Connections at a time, half-open ones too. */
const MAX_CONNECTIONS = 2048
const HEADERS_TIMEOUT_MS = 10_000
const MAX_HEADER_BYTES = 16 << 10
const KEEP_ALIVE_MS = 30_000

/** Serves exec, attach and port-forward at URLs that are good for one use: SPDY/3.1 and WebSocket over HTTP/1.1. */
export class StreamingServer {
  readonly #options: StreamingOptions
  readonly #tokens: Tokens<Ticket>
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  #base = ''

  constructor(options: StreamingOptions) {
    this.#options = options
    this.#tokens = new Tokens(options.nowMs)
  }

  /** @throws GantryError `invalid_argument` for an address or certificate that cannot be used. */
  async listen(): Promise<void> {
    const { listen, tls } = this.#options
    const at = listen.lastIndexOf(':')
    const [host, port] = [listen.slice(0, at).replace(/^\[|\]$/g, ''), Number(listen.slice(at + 1))]
    try {
      this.#server = await this.#create()
      await new Promise<void>((resolve, reject) => {
        this.#server?.once('error', reject).listen({ host, port, backlog: 1024 }, resolve)
      })
    } catch (cause) {
      throw new GantryError('invalid_argument', { action: 'listen for streams on', subject: listen, cause })
    }
    const { port: actual } = this.#server.address() as AddressInfo
    this.#base = `${tls === undefined ? 'http' : 'https'}://${reachable(host)}:${actual}`
  }

  /** A URL for one use within a minute. @throws GantryError `resource_exhausted`. */
  url(ticket: Ticket): string {
    return `${this.#base}/${ticket.kind}/${this.#tokens.issue(ticket)}`
  }

  /** Ends all sessions; what exec started ends with them. */
  async close(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async #create(): Promise<Server> {
    const options = {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: 1000,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      noDelay: true,
    }
    const { tls } = this.#options
    const server = tls === undefined ? createServer(options) : await createTls(tls, options)
    server.maxConnections = MAX_CONNECTIONS
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    server.on('request', (request, response) => this.#answer(request, response))
    server.on('upgrade', (request, socket, head) => {
      this.#upgrade(request, socket, head).catch((error: unknown) => {
        socket.destroy()
        this.#options.onError(error)
      })
    })
    return server
  }

  /** A request that asks for no upgrade: it uses up its URL all the same. */
  #answer(request: IncomingMessage, response: ServerResponse): void {
    const known = this.#redeem(request) !== undefined
    response.writeHead(known ? 400 : 404, { 'Content-Type': 'text/plain', Connection: 'close' })
    response.end(
      known ? 'expected an upgrade to SPDY/3.1 or websocket\n' : 'no such stream, or its URL was used or is too old\n',
    )
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    // Node has let go of it: an error that nobody hears would end the daemon.
    socket.on('error', () => socket.destroy())
    const ticket = this.#redeem(request)
    if (ticket === undefined) refuse(socket, 404, 'no such stream, or its URL was used or is too old')
    else if (/websocket/i.test(request.headers.upgrade ?? '')) await this.#webSocket(ticket, request, socket, head)
    else await this.#spdy(ticket, request, socket, head)
  }

  #redeem({ url = '', method }: IncomingMessage): Ticket | undefined {
    const [, kind, token] = /^\/(exec|attach|portforward)\/([\w-]+)$/.exec(url) ?? []
    if (token === undefined || (method !== 'GET' && method !== 'POST')) return undefined
    const ticket = this.#tokens.redeem(token)
    return ticket?.kind === kind ? ticket : undefined
  }

  async #spdy(ticket: Ticket, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const known = ticket.kind === 'portforward' ? PORT_FORWARD_SPDY : REMOTE_COMMAND_SPDY
    const offered = listOf(request.headersDistinct['x-stream-protocol-version'])
    const protocol = chooseProtocol<string>(offered, known)
    if (offered.length === 0) return refuse(socket, 400, 'missing X-Stream-Protocol-Version')
    if (protocol === undefined) {
      const accepted = known.map((name) => `X-Accepted-Stream-Protocol-Versions: ${name}`)
      return refuse(socket, 403, `none of ${offered.join(', ').slice(0, 200)} is known`, accepted)
    }
    if (!/spdy\/3\.1/i.test(request.headers.upgrade ?? '')) return refuse(socket, 400, 'expected SPDY/3.1 or websocket')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
    )
    if (head.length > 0) socket.unshift(head)
    if (ticket.kind === 'portforward') return serveSpdyForward(socket, ticket.forward.target, this.#limits)
    const { command } = ticket
    await serveRemoteCommand(command, (handlers) =>
      connectSpdyRemote(socket, command.streams, protocol, handlers, this.#limits),
    )
  }

  async #webSocket(ticket: Ticket, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const known: readonly string[] = ticket.kind === 'portforward' ? PORT_FORWARD_WEBSOCKET : REMOTE_COMMAND_WEBSOCKET
    const offered = listOf(request.headersDistinct['sec-websocket-protocol'])
    const protocol = chooseProtocol(offered.length === 0 ? [''] : offered, known)
    if (protocol === undefined) return refuse(socket, 403, 'none of the WebSocket protocols is known')
    // Kubelets speak SPDY: what only others need is loaded when one comes, and costs the daemon 3 MB from then on.
    const { serveWebSocket } = await import('./serve-websocket.ts')
    await serveWebSocket(ticket, { request, socket, head, protocol }, this.#limits)
  }

  get #limits(): RemoteLimits {
    return this.#options.limits
  }
}

async function createTls(
  { certPath, keyPath }: NonNullable<StreamingOptions['tls']>,
  options: ServerOptions,
): Promise<Server> {
  const [{ createServer: createTlsServer }, cert, key] = await Promise.all([
    import('node:https'),
    readFile(certPath),
    readFile(keyPath),
  ])
  return createTlsServer({ ...options, handshakeTimeout: HEADERS_TIMEOUT_MS, cert, key })
}

/** An address that the URL can name: where all are listened on, the kubelet is on this node. */
function reachable(host: string): string {
  if (host === '' || host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

/** Answers a request for an upgrade with an error, and closes. */
function refuse(socket: Duplex, code: number, text: string, headers: readonly string[] = []): void {
  const body = `${text}\n`
  const lines = [
    `HTTP/1.1 ${code} ${STATUS_CODES[code]}`,
    'Connection: close',
    'Content-Type: text/plain',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...headers,
  ]
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`)
  finished(socket, () => socket.destroy())
  socket.resume()
}
