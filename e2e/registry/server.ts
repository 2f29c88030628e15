// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { sendError, sendJson, sendStored } from './answer.ts'
import { Gatekeeper, type RegistryAuth } from './auth.ts'
import { Content, type Stored } from './content.ts'
import { type Fault, FaultPlan, type FaultRule, type RegistryRequest, type RequestKind } from './faults.ts'

/** How a registry is set up; only `layouts` is needed. */
export interface RegistryOptions {
  /** Directories of OCI image layouts, served together. */
  readonly layouts: readonly string[]
  /** Address to listen on; 127.0.0.1 where not given. */
  readonly host?: string
  /** 0, the default, takes a free port. */
  readonly port?: number
  readonly auth?: RegistryAuth
  readonly faults?: readonly FaultRule[]
  /** PEM texts; with them the registry speaks https. */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** Called for each request before it is answered. */
  readonly onRequest?: (request: RegistryRequest) => void
  /** Milliseconds since the epoch; tokens expire by it. */
  readonly now?: () => number
}

const NAME = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*)*'
const ROUTE = new RegExp(`^/v2/(?<name>${NAME})/(?:(?<kind>manifests|blobs)/(?<reference>[^/]+)|tags/list)$`)
const MAX_FORM_BYTES = 64 * 1024

/**
 * The pull side of the distribution API over OCI image layouts. One server stands in for any number of registries:
 * a mirror's `?ns=` picks the registry, without it the repository's path alone decides.
 */
export class RegistryServer {
  readonly faults: FaultPlan
  readonly content: Content
  readonly #server: Server
  readonly #gate: Gatekeeper
  readonly #secure: boolean
  readonly #onRequest: ((request: RegistryRequest) => void) | undefined

  private constructor(options: RegistryOptions, content: Content) {
    this.content = content
    this.faults = new FaultPlan(options.faults ?? [])
    this.#gate = new Gatekeeper(options.auth, options.now ?? Date.now)
    this.#secure = options.tls !== undefined
    this.#onRequest = options.onRequest
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      this.#answer(request, response).catch((error: unknown) => response.destroy(asError(error)))
    }
    this.#server = options.tls === undefined ? createHttpServer(listener) : createHttpsServer(options.tls, listener)
  }

  /** Reads the layouts and listens. */
  static async start(options: RegistryOptions): Promise<RegistryServer> {
    const registry = new RegistryServer(options, await Content.load(options.layouts))
    registry.#server.listen(options.port ?? 0, options.host ?? '127.0.0.1')
    await once(registry.#server, 'listening')
    return registry
  }

  /** `127.0.0.1:41234`: what stands before the first slash of an image's name. */
  get authority(): string {
    const { address, port, family } = this.#server.address() as AddressInfo
    return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`
  }

  /** `http://127.0.0.1:41234`: what a hosts.toml wants. */
  get endpoint(): string {
    return `${this.#secure ? 'https' : 'http'}://${this.authority}`
  }

  /** Stops at once; answers under way are cut off. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://registry')
    const seen = describe(request, url)
    if (seen === undefined) return sendError(response, 404, 'NAME_UNKNOWN', 'no such page')
    this.#onRequest?.(seen)
    const fault = this.faults.take(seen)
    if (fault !== undefined && (await misbehave(fault, response))) return
    if (seen.kind === 'token') return this.#token(request, response, url)
    const challenge = this.#gate.challenge(request, seen.repository)
    if (challenge !== undefined) {
      response.setHeader('www-authenticate', challenge)
      return sendError(response, 401, 'UNAUTHORIZED', 'authentication required')
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return sendError(response, 405, 'UNSUPPORTED', 'this registry is read only')
    }
    await this.#serve(request, response, seen, fault)
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    { kind, repository, reference, namespace }: RegistryRequest,
    fault: Fault | undefined,
  ): Promise<void> {
    if (kind === 'ping') return sendJson(response, 200, {})
    const tags = this.content.tags(repository, namespace)
    if (tags === undefined) return sendError(response, 404, 'NAME_UNKNOWN', `no repository ${repository}`)
    if (kind === 'tags') return sendJson(response, 200, { name: repository, tags })
    const found: Stored | undefined = this.content[kind === 'manifest' ? 'manifest' : 'blob'](
      repository,
      reference,
      namespace,
    )
    if (found !== undefined) return sendStored(request, response, found, fault)
    sendError(response, 404, kind === 'manifest' ? 'MANIFEST_UNKNOWN' : 'BLOB_UNKNOWN', `no ${kind} ${reference}`)
  }

  async #token(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const method = request.method ?? 'GET'
    if (Number(request.headers['content-length'] ?? 0) > MAX_FORM_BYTES) {
      return sendError(response, 413, 'UNSUPPORTED', 'form too large')
    }
    const parameters = method === 'POST' ? new URLSearchParams(await text(request)) : url.searchParams
    const { status, body } = this.#gate.token(method, parameters, request.headers.authorization)
    sendJson(response, status, body)
  }
}

function describe(request: IncomingMessage, url: URL): RegistryRequest | undefined {
  const base = {
    method: request.method ?? 'GET',
    repository: '',
    reference: '',
    namespace: url.searchParams.get('ns') ?? undefined,
    headers: request.headers,
  }
  if (url.pathname === '/v2/' || url.pathname === '/v2') return { ...base, kind: 'ping' }
  if (url.pathname === '/token') return { ...base, kind: 'token' }
  const groups = ROUTE.exec(url.pathname)?.groups
  if (groups === undefined) return undefined
  const { name = '', kind, reference = '' } = groups
  const kinds: Readonly<Record<string, RequestKind>> = { manifests: 'manifest', blobs: 'blob' }
  return { ...base, kind: kinds[kind ?? ''] ?? 'tags', repository: name, reference: reference.replace(/%3a/i, ':') }
}

/** Applies the faults that need no body; true where the request is thereby answered. */
async function misbehave(fault: Fault, response: ServerResponse): Promise<boolean> {
  switch (fault.type) {
    case 'delay':
      await delay(fault.delayMs)
      return response.destroyed
    case 'disconnect':
      response.destroy()
      return true
    case 'redirect':
      response.writeHead(307, { location: fault.location }).end()
      return true
    case 'status':
      for (const [name, value] of Object.entries(fault.headers ?? {})) response.setHeader(name, value)
      sendError(response, fault.status, fault.status === 429 ? 'TOOMANYREQUESTS' : 'UNKNOWN', 'as asked for')
      return true
    default:
      return false
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
