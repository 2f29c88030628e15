// SPDX-License-Identifier: Apache-2.0
import { GantryError, hasCode, messageOf } from '../../../runtime-core/errors.ts'
import type { Authorizer } from './auth.ts'
import { DEFAULT_TLS, type Endpoint } from './endpoint.ts'
import { discardBody, type HttpClient, type HttpResponse } from './http.ts'

/** One question to a repository. */
export interface Question {
  readonly method: 'GET' | 'HEAD'
  /** Below `/v2/<repository>/`. */
  readonly path: string
  readonly accept: string
  /** Bytes already here. */
  readonly offset?: number
}

/** A good answer: 200, or 206 to a question with an offset. */
export interface Answer {
  readonly host: string
  readonly isPartial: boolean
  header(name: string): string | undefined
  body(): AsyncGenerator<Buffer, void>
  readAll(limitBytes: number): Promise<Buffer>
  discard(): void
}

/** What each host said, in the order asked. */
export type Attempts = { readonly endpoint: Endpoint; readonly error: GantryError }[]

const TRY_LIMIT = 5
const ERROR_BODY_LIMIT = 16 * 1024
const RETRY_AFTER_LIMIT_MS = 60_000
const FIRST_DELAY_MS = 500
/** The host may be restarting: once more, if there is no other (containerd's rule). */
const ONCE_MORE: ReadonlySet<number> = new Set([500, 502, 503, 504])

/** Asks hosts, answers their challenges and repeats what is worth repeating. */
export class Conversation {
  readonly #http: HttpClient
  readonly #authorizer: Authorizer
  readonly #repository: string
  readonly #sleep: (ms: number, signal: AbortSignal) => Promise<void>

  constructor(options: {
    http: HttpClient
    authorizer: Authorizer
    repository: string
    sleep: (ms: number, signal: AbortSignal) => Promise<void>
  }) {
    this.#http = options.http
    this.#authorizer = options.authorizer
    this.#repository = options.repository
    this.#sleep = options.sleep
  }

  /** Keep the connections until the returned function is called: a shared fetch outlives the pull that began it. */
  hold(): () => void {
    return this.#http.hold()
  }

  /** @throws GantryError not_found, unauthenticated, permission_denied, unavailable, resource_exhausted … */
  async ask(endpoint: Endpoint, question: Question, isLast: boolean, signal: AbortSignal): Promise<Answer> {
    const url = new URL(`${endpoint.base}/${this.#repository}/${question.path}`)
    if (endpoint.namespace !== undefined) url.searchParams.set('ns', endpoint.namespace)
    let challenges = 0
    let repeats = 0
    let authorization = this.#authorizer.header(endpoint)
    for (let tries = 1; ; tries++) {
      const response = await this.#sendOnce(endpoint, url, question, authorization, signal, isLast && tries === 1)
      const { status } = response
      if (isGood(response, question)) return this.#answer(response, signal)
      if (status === 401 && url.host === response.host && ++challenges <= 2) {
        discardBody(response.message)
        authorization = await this.#authorizer.answer(endpoint, response, authorization, signal)
        continue
      }
      const isPassing = status === 408 || status === 429 || (isLast && ONCE_MORE.has(status) && repeats++ === 0)
      if (!isPassing || tries >= TRY_LIMIT) throw await this.#refusal(endpoint, response, signal)
      discardBody(response.message)
      await this.#sleep(retryDelayMs(response, tries), signal)
    }
  }

  /** The first good answer of the addresses a descriptor gives, without any credentials. @throws GantryError */
  async askAnywhere(urls: readonly string[], offset: number, signal: AbortSignal): Promise<Answer> {
    const attempts: Attempts = []
    for (const text of urls) {
      if (!URL.canParse(text) || !/^https?:/.test(text)) continue
      const url = new URL(text)
      const endpoint = foreignEndpoint(url)
      const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {}
      try {
        const response = await this.#http.send({ method: 'GET', url, headers, endpoint, signal })
        if (isGood(response, { method: 'GET', path: '', accept: '', offset })) return this.#answer(response, signal)
        throw await this.#refusal(endpoint, response, signal)
      } catch (error) {
        if (signal.aborted || !(error instanceof GantryError)) throw error
        attempts.push({ endpoint, error })
      }
    }
    throw sumUp(attempts)
  }

  /** A connection refused or broken is tried once more where there is no other host. */
  async #sendOnce(
    endpoint: Endpoint,
    url: URL,
    question: Question,
    authorization: string | undefined,
    signal: AbortSignal,
    mayRepeat: boolean,
  ): Promise<HttpResponse> {
    const { method } = question
    const headers: Record<string, string> = { accept: question.accept }
    if (authorization !== undefined) headers['authorization'] = authorization
    if (question.offset !== undefined && question.offset > 0) headers['range'] = `bytes=${question.offset}-`
    try {
      return await this.#http.send({ method, url, headers, endpoint, signal })
    } catch (error) {
      if (!mayRepeat || !hasCode(error, 'unavailable') || error.errno !== 'ECONNRESET') throw error
      return this.#http.send({ method, url, headers, endpoint, signal })
    }
  }

  #answer(response: HttpResponse, signal: AbortSignal): Answer {
    return {
      host: response.host,
      isPartial: response.status === 206,
      header: (name) => {
        const value = response.headers[name]
        return Array.isArray(value) ? value[0] : value
      },
      body: () => this.#http.readBody(response, signal),
      readAll: (limitBytes) => this.#http.readAll(response, limitBytes, signal),
      discard: () => discardBody(response.message),
    }
  }

  async #refusal(endpoint: Endpoint, response: HttpResponse, signal: AbortSignal): Promise<GantryError> {
    const { status } = response
    const told = await this.#http.readAll(response, ERROR_BODY_LIMIT, signal).catch(() => Buffer.alloc(0))
    const reason = `${registryMessage(told) ?? statusText(status)} (${status})`
    return new GantryError(codeOf(status), { action: 'registry', subject: endpoint.label, reason })
  }
}

/**
 * One error for all the hosts that were asked. The last, the registry itself, decides the code; a mirror that refuses
 * is told of, too.
 */
export function sumUp(attempts: Attempts): GantryError {
  const last = attempts.at(-1)
  if (last === undefined) {
    return new GantryError('failed_precondition', { action: 'choose a registry host', reason: 'none may be asked' })
  }
  // Two addresses of one host (https, then http) where the first told more than "no connection".
  const telling = attempts.findLast(({ error }) => error.code !== 'unavailable') ?? last
  const isSame = last.error.code === 'unavailable' && telling.endpoint.label === last.endpoint.label
  const chosen = isSame ? telling : last
  if (attempts.length === 1) return chosen.error
  return new GantryError(chosen.error.code, { action: attempts.map(({ error }) => messageOf(error)).join('; then ') })
}

function isGood({ status, headers }: HttpResponse, question: Question): boolean {
  if (status === 200) return true
  if (status !== 206 || question.offset === undefined || question.offset === 0) return false
  return new RegExp(`^bytes ${question.offset}-`).test(headers['content-range'] ?? '')
}

function retryDelayMs(response: HttpResponse, tries: number): number {
  const seconds = Number(response.headers['retry-after'])
  if (Number.isFinite(seconds) && seconds >= 0) return Math.min(seconds * 1000, RETRY_AFTER_LIMIT_MS)
  return FIRST_DELAY_MS * 2 ** (tries - 1)
}

function codeOf(status: number): GantryError['code'] {
  if (status === 401) return 'unauthenticated'
  if (status === 403) return 'permission_denied'
  if (status === 404) return 'not_found'
  if (status === 429) return 'resource_exhausted'
  if (status === 408 || status >= 500) return 'unavailable'
  return 'internal'
}

/** `manifest unknown` from `{"errors":[{"code","message"}]}`, as one short line. */
function registryMessage(body: Buffer): string | undefined {
  try {
    const [first] = (JSON.parse(body.toString()) as { errors?: { code?: unknown; message?: unknown }[] }).errors ?? []
    const text = [first?.message, first?.code].find((part) => typeof part === 'string' && part !== '')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
    return typeof text === 'string' ? text.replace(/[\x00-\x1f\x7f]/g, ' ').slice(0, 200) : undefined
  } catch (error) {
    // An HTML page or nothing: the status has to do.
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined
    throw error
  }
}

function statusText(status: number): string {
  if (status === 401) return 'unauthorized'
  if (status === 403) return 'denied'
  if (status === 404) return 'not found'
  if (status === 429) return 'too many requests'
  return status >= 500 ? 'server error' : 'unexpected answer'
}

function foreignEndpoint(url: URL): Endpoint {
  return {
    base: url.origin,
    label: url.host,
    canResolve: false,
    canPull: true,
    tls: DEFAULT_TLS,
    headers: {},
    dialTimeoutMs: undefined,
    namespace: undefined,
  }
}
