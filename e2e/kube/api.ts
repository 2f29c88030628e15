// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { text } from 'node:stream/consumers'
import type { Identity } from './certificates.ts'

/** What of a Kubernetes object the scenarios read without knowing its kind. */
export interface KubeObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly uid?: string
    readonly deletionTimestamp?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
}

const TIMEOUT_MS = 30_000

/** An answer that says no. */
export class ApiError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'ApiError'
    this.status = status
  }
}

/** Kubernetes' API over HTTPS with a client certificate: the few verbs that scenarios need where kubectl costs too much. */
export class KubeApi {
  readonly server: string
  readonly #agent: Agent

  private constructor(server: string, agent: Agent) {
    this.server = server
    this.#agent = agent
  }

  /** @param server `https://127.0.0.1:6443` */
  static async create(server: string, identity: Identity, caFile: string): Promise<KubeApi> {
    const [cert, key, ca] = await Promise.all([identity.certFile, identity.keyFile, caFile].map((f) => readFile(f)))
    return new KubeApi(server, new Agent({ cert, key, ca, keepAlive: true, maxSockets: 32 }))
  }

  /** The object or list at a path, such as `/api/v1/namespaces/x/pods/y`. */
  async get<T = KubeObject>(path: string): Promise<T> {
    return JSON.parse(await this.text(path)) as T
  }

  /** What stands at a path, as it is. */
  text(path: string): Promise<string> {
    return this.#ask('GET', path)
  }

  async create<T = KubeObject>(path: string, object: unknown): Promise<T> {
    return JSON.parse(await this.#ask('POST', path, object)) as T
  }

  /** A strategic merge patch, which knows lists of containers by their names. */
  async patch<T = KubeObject>(path: string, change: unknown): Promise<T> {
    const type = 'application/strategic-merge-patch+json'
    return JSON.parse(await this.#ask('PATCH', path, change, type)) as T
  }

  async delete(path: string, options: { readonly gracePeriodSeconds?: number } = {}): Promise<void> {
    await this.#ask('DELETE', path, { kind: 'DeleteOptions', apiVersion: 'v1', ...options })
  }

  /** Sends anything, for what is neither create nor patch of an object; returns the answer's text. */
  post(path: string, body?: unknown): Promise<string> {
    return this.#ask('POST', path, body)
  }

  /** What comes at a path as it comes, until `signal` or the reader ends it; lines may be cut anywhere. */
  async *stream(path: string, signal: AbortSignal): AsyncGenerator<string> {
    const ask = request(`${this.server}${path}`, { agent: this.#agent, signal }).end()
    const [response] = (await once(ask, 'response')) as [IncomingMessage]
    try {
      if (response.statusCode !== 200) {
        const answer = await text(response)
        throw new ApiError(response.statusCode ?? 0, `GET ${path}: ${response.statusCode}: ${reasonOf(answer)}`)
      }
      yield* response.setEncoding('utf8') as AsyncIterable<string>
    } finally {
      response.destroy()
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  #ask(method: string, path: string, body?: unknown, type = 'application/json'): Promise<string> {
    const content = body === undefined ? undefined : JSON.stringify(body)
    const headers = content === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(content) }
    const options = { method, agent: this.#agent, headers, signal: AbortSignal.timeout(TIMEOUT_MS) }
    return new Promise((resolve, reject) => {
      const ask = request(`${this.server}${path}`, options, (response) => {
        text(response).then((answer) => {
          const status = response.statusCode ?? 0
          if (status < 300) resolve(answer)
          else reject(new ApiError(status, `${method} ${path}: ${status}: ${reasonOf(answer)}`))
        }, reject)
      })
      ask.on('error', reject).end(content)
    })
  }
}

function reasonOf(answer: string): string {
  try {
    return (JSON.parse(answer) as { message?: string }).message ?? answer
  } catch {
    // Not every answer is a Status object.
    return answer.trim()
  }
}
