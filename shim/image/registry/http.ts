// SPDX-License-Identifier: Apache-2.0
import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import { getCACertificates } from 'node:tls'
import { errnoOf, GantryError } from '../../../runtime-core/errors.ts'
import type { Endpoint, TlsSettings } from './endpoint.ts'

/** How long each stage of a request may take, milliseconds. */
export interface HttpTimeouts {
  /** Name lookup, connection and TLS handshake. */
  readonly connectMs: number
  /** From the request to the head of the answer. */
  readonly headersMs: number
  /** Between two pieces of a body. */
  readonly stallMs: number
}

export const DEFAULT_TIMEOUTS: HttpTimeouts = { connectMs: 30_000, headersMs: 30_000, stallMs: 60_000 }

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly url: URL
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string
  /** Whose TLS settings and time limit hold. */
  readonly endpoint: Endpoint
  readonly signal: AbortSignal
}

export interface HttpResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Where the answer came from in the end. */
  readonly host: string
  readonly message: IncomingMessage
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const REDIRECT_LIMIT = 10
/** Sent to the host they were meant for only. */
const PRIVATE_HEADERS = ['authorization', 'cookie']
const USER_AGENT = 'gantry'

/** Sends requests over kept-alive connections, follows redirects. One per pull: it is closed with it. */
export class HttpClient {
  readonly #timeouts: HttpTimeouts
  readonly #proxyEnv: NodeJS.ProcessEnv
  readonly #agents = new Map<string, HttpAgent | HttpsAgent>()
  #users = 1

  constructor(timeouts: HttpTimeouts, proxyEnv: NodeJS.ProcessEnv) {
    this.#timeouts = timeouts
    this.#proxyEnv = proxyEnv
  }

  /**
   * Send a request and return the head of the answer; the body is still to be read, by `readBody` or `discardBody`.
   * Redirects are followed; credentials and the host's own headers stay behind when they lead to another origin.
   *
   * @throws GantryError unavailable, deadline_exceeded, cancelled
   */
  async send(request: HttpRequest): Promise<HttpResponse> {
    let { url } = request
    for (let hops = 0; hops <= REDIRECT_LIMIT; hops++) {
      const isHome = url.origin === request.url.origin
      const message = await this.#exchange(request, url, isHome)
      const status = message.statusCode ?? 0
      const target = message.headers.location
      if (!REDIRECTS.has(status) || target === undefined || request.method === 'POST') {
        return { status, headers: message.headers, host: url.host, message }
      }
      discardBody(message)
      if (!URL.canParse(target, url.href)) throw unavailable(url, 'it redirects to a malformed address')
      url = new URL(target, url)
      if (url.protocol !== 'https:' && url.protocol !== 'http:') throw unavailable(url, 'it redirects out of the web')
    }
    throw unavailable(url, `more than ${REDIRECT_LIMIT} redirects`)
  }

  /** Keep connections open beyond `close`, until the returned function is called. */
  hold(): () => void {
    this.#users++
    let isHeld = true
    return () => {
      if (isHeld) this.#leave()
      isHeld = false
    }
  }

  /** Close all connections when nobody holds them any more. Call it once. */
  close(): void {
    this.#leave()
  }

  #leave(): void {
    if (--this.#users > 0) return
    for (const agent of this.#agents.values()) agent.destroy()
    this.#agents.clear()
  }

  #exchange(request: HttpRequest, url: URL, isHome: boolean): Promise<IncomingMessage> {
    request.signal.throwIfAborted()
    const headers: Record<string, string | string[]> = { 'user-agent': USER_AGENT }
    for (const [name, value] of Object.entries(request.headers)) {
      if (isHome || !PRIVATE_HEADERS.includes(name)) headers[name] = typeof value === 'string' ? value : [...value]
    }
    if (isHome) for (const [name, values] of Object.entries(request.endpoint.headers)) headers[name] = [...values]
    const isTls = url.protocol === 'https:'
    const connectMs = request.endpoint.dialTimeoutMs ?? this.#timeouts.connectMs
    const options = {
      method: request.method,
      headers,
      agent: this.#agent(request.endpoint.tls, isTls, isHome),
      signal: request.signal,
    }
    const outgoing = isTls ? httpsRequest(url, options) : httpRequest(url, options)
    return new Promise((resolve, reject) => {
      const expire = (stage: string, ms: number) => () =>
        outgoing.destroy(
          new GantryError('unavailable', {
            action: `${stage} ${url.host}`,
            reason: `nothing came for ${ms} ms`,
            stage,
          }),
        )
      let timer = setTimeout(
        expire('wait for', this.#timeouts.headersMs + connectMs),
        this.#timeouts.headersMs + connectMs,
      )
      outgoing.once('socket', (socket: Socket) => {
        if (!socket.connecting) return
        clearTimeout(timer)
        timer = setTimeout(expire('connect to', connectMs), connectMs)
        socket.once(isTls ? 'secureConnect' : 'connect', () => {
          clearTimeout(timer)
          timer = setTimeout(expire('wait for', this.#timeouts.headersMs), this.#timeouts.headersMs)
        })
      })
      outgoing.once('close', () => clearTimeout(timer))
      outgoing.once('error', (error) => {
        clearTimeout(timer)
        reject(networkError(url, error, request.signal))
      })
      outgoing.once('response', (message) => {
        clearTimeout(timer)
        resolve(message)
      })
      outgoing.end(request.body)
    })
  }

  #agent(tls: TlsSettings, isTls: boolean, isHome: boolean): HttpAgent | HttpsAgent {
    // A client certificate proves who the node is: like credentials, it is for its own host.
    const clients = isHome ? tls.clients : []
    const key = isTls ? JSON.stringify([tls.ca, tls.verify, clients.map(({ cert }) => cert)]) : 'plain'
    const known = this.#agents.get(key)
    if (known !== undefined) return known
    const common = { keepAlive: true, maxSockets: 16, proxyEnv: this.#proxyEnv }
    const agent = isTls
      ? new HttpsAgent({
          ...common,
          rejectUnauthorized: tls.verify,
          ...(tls.ca.length > 0 ? { ca: [...getCACertificates('default'), ...tls.ca] } : {}),
          ...(clients.length > 0 ? { cert: clients.map(({ cert }) => cert), key: clients.map(({ key }) => key) } : {}),
        })
      : new HttpAgent(common)
    this.#agents.set(key, agent)
    return agent
  }

  /**
   * The body in pieces. Waiting for a piece is bounded by the stall timeout, waiting for the reader is not.
   *
   * @throws GantryError unavailable, cancelled
   */
  async *readBody(response: HttpResponse, signal: AbortSignal): AsyncGenerator<Buffer, void> {
    const { message, host } = response
    const pieces = message[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    const { stallMs } = this.#timeouts
    const stall = new GantryError('unavailable', {
      action: `read from ${host}`,
      reason: `nothing came for ${stallMs} ms`,
      stage: 'body',
    })
    try {
      while (true) {
        const timer = setTimeout(() => message.destroy(stall), stallMs)
        const { done, value } = await pieces.next().finally(() => clearTimeout(timer))
        if (done === true) return
        yield value
      }
    } catch (error) {
      throw networkError(new URL(`http://${host}`), error, signal)
    } finally {
      // Also when the reader stops early.
      if (!message.readableEnded) message.destroy()
    }
  }

  /** The whole body, at most `limitBytes`. @throws GantryError invalid_argument when longer, or as `readBody` */
  async readAll(response: HttpResponse, limitBytes: number, signal: AbortSignal): Promise<Buffer> {
    const parts: Buffer[] = []
    let length = 0
    for await (const part of this.readBody(response, signal)) {
      length += part.length
      if (length > limitBytes) {
        throw new GantryError('invalid_argument', {
          action: `read from ${response.host}`,
          reason: `the answer is longer than ${limitBytes} bytes`,
        })
      }
      parts.push(part)
    }
    return Buffer.concat(parts)
  }
}

/** Let the rest of an answer go, so that its connection can be used again. */
export function discardBody(message: IncomingMessage): void {
  message.on('error', () => message.destroy())
  message.resume()
}

function unavailable(url: URL, reason: string): GantryError {
  return new GantryError('unavailable', { action: `ask ${url.host}`, reason })
}

/** Only the host is named: paths of redirects carry signatures. */
function networkError(url: URL, error: unknown, signal: AbortSignal): GantryError {
  if (error instanceof GantryError) return error
  if (signal.aborted) return new GantryError('cancelled', { action: `ask ${url.host}`, reason: 'the caller has gone' })
  const errno = errnoOf(error)
  // Node's AggregateError of several addresses has a code and no message.
  const text = error instanceof Error && error.message !== '' ? error.message : String(errno ?? error)
  if (errno !== undefined) return new GantryError('unavailable', { action: `ask ${url.host}`, errno })
  return new GantryError('unavailable', { action: `ask ${url.host}`, reason: text.slice(0, 300) })
}
