// SPDX-License-Identifier: Apache-2.0
import { lstat, unlink } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { type ListenAddress, parseListenAddress } from './address.ts'
import type { MetricsRegistry } from './registry.ts'

/** Whether the daemon does its work; `reason` is shown when it does not. */
export interface Health {
  readonly ok: boolean
  readonly reason: string
}

export interface MetricsServerOptions {
  /** As parseListenAddress takes it; empty: nothing listens. */
  readonly listen: string
  readonly registry: MetricsRegistry
  readonly health: () => Health
}

export interface MetricsServer {
  /** The address in use, with the port the kernel chose; empty when off. */
  readonly address: string
  /** Stops listening and ends open connections. */
  close(): Promise<void>
}

/** A Prometheus, a person with curl, a probe: more is a mistake or an attack. */
const MAX_CONNECTIONS = 16
const MAX_HEADER_BYTES = 8192
const REQUEST_TIMEOUT_MS = 5_000
/** A reader that takes nothing for this long is cut off. */
const IDLE_TIMEOUT_MS = 15_000
const KEEP_ALIVE_MS = 75_000
const PROBE_TIMEOUT_MS = 1_000

/**
 * Serves `/metrics` (also `/v1/metrics`, where containerd's is) and `/healthz` over HTTP.
 *
 * @throws Error naming the address, when it cannot be parsed or bound
 */
export async function serveMetrics(options: MetricsServerOptions): Promise<MetricsServer> {
  const address = parseListenAddress(options.listen)
  if (address.kind === 'off') return { address: '', close: async () => undefined }
  const server = createBoundedServer((request, response) => answer(options, request, response))
  if (address.kind === 'unix') await removeStaleSocket(address.path)
  await listen(server, address, options.listen)
  return { address: describeAddress(server), close: () => close(server) }
}

function createBoundedServer(handler: (request: IncomingMessage, response: ServerResponse) => Promise<void>): Server {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    (request, response) => void handler(request, response),
  )
  server.maxConnections = MAX_CONNECTIONS
  server.setTimeout(IDLE_TIMEOUT_MS)
  return server
}

async function answer(options: MetricsServerOptions, request: IncomingMessage, response: ServerResponse) {
  try {
    await route(options, request, response)
  } catch (error) {
    send(response, 500, `${error instanceof Error ? error.message : String(error)}\n`)
  }
}

async function route({ registry, health }: MetricsServerOptions, request: IncomingMessage, response: ServerResponse) {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    return send(response, 405, 'only GET and HEAD are answered here\n')
  }
  const path = (request.url ?? '').split('?', 1)[0]
  if (path === '/metrics' || path === '/v1/metrics') {
    const { body, contentType } = await registry.scrape()
    return send(response, 200, body, contentType)
  }
  if (path === '/healthz') {
    const { ok, reason } = health()
    return send(response, ok ? 200 : 503, ok ? 'ok\n' : `${reason}\n`)
  }
  send(response, 404, 'not found; there are /metrics and /healthz\n')
}

/** Node leaves out the body by itself where the request was HEAD. */
function send(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(body)
}

function listen(server: Server, address: Exclude<ListenAddress, { kind: 'off' }>, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(new Error(`listen for metrics on ${JSON.stringify(text)}: ${cause.code ?? cause.message}`, { cause }))
    })
    server.once('listening', () => {
      server.removeAllListeners('error')
      resolve()
    })
    server.listen(address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port })
  })
}

/** A daemon that was killed leaves its socket's name: it goes when nobody answers behind it. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found?.isSocket() && (await isDead(path))) await unlink(path)
}

function isDead(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path })
    const settle = (dead: boolean): void => {
      probe.destroy()
      resolve(dead)
    }
    probe.setTimeout(PROBE_TIMEOUT_MS, () => settle(false))
    probe.once('connect', () => settle(false))
    probe.once('error', (error: NodeJS.ErrnoException) => settle(error.code === 'ECONNREFUSED'))
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

function describeAddress(server: Server): string {
  const bound: AddressInfo | string | null = server.address()
  if (bound === null) return ''
  if (typeof bound === 'string') return `unix:${bound}`
  return bound.family === 'IPv6' ? `[${bound.address}]:${bound.port}` : `${bound.address}:${bound.port}`
}
