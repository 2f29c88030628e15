// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../../runtime-core/errors.ts'
import { type Challenge, parseChallenges, preferredChallenge } from './challenge.ts'
import { type AuthConfig, type Credentials, credentialsFor } from './credentials.ts'
import type { Endpoint } from './endpoint.ts'
import { discardBody, type HttpClient, type HttpResponse } from './http.ts'

const CLIENT_ID = 'gantry'
const TOKEN_LIMIT_BYTES = 1024 * 1024
/** distribution's token specification: a token without expires_in lives 60 seconds. */
const DEFAULT_LIFE_MS = 60_000
/** A token about to end is not used: the request that carries it takes time too. */
const MARGIN_MS = 5_000
/** OAuth2 POST is not understood by every token server; these answers mean "try GET". */
const POST_REFUSALS: ReadonlySet<number> = new Set([400, 401, 404, 405])

interface Grant {
  readonly header: string
  readonly expiresAtMs: number
}

/**
 * Answers the challenges of registries (distribution token authentication, RFC 7617) for one pull of one repository.
 * Grants are kept per host; several requests that need one share the asking.
 */
export class Authorizer {
  readonly #auth: AuthConfig | undefined
  readonly #http: HttpClient
  readonly #scope: string
  readonly #nowMs: () => number
  readonly #grants = new Map<string, Promise<Grant>>()
  readonly #current = new Map<string, Grant>()

  constructor(options: { auth: AuthConfig | undefined; http: HttpClient; repository: string; nowMs: () => number }) {
    this.#auth = options.auth
    this.#http = options.http
    this.#scope = `repository:${options.repository}:pull`
    this.#nowMs = options.nowMs
  }

  /** The Authorization header for a host, where one is known and still good. */
  header(endpoint: Endpoint): string | undefined {
    const grant = this.#current.get(endpoint.base)
    return grant !== undefined && grant.expiresAtMs > this.#nowMs() + MARGIN_MS ? grant.header : undefined
  }

  /**
   * Answer a 401. `used` is the header the refused request carried.
   *
   * @throws GantryError unauthenticated when there is no answer, permission_denied when the answer is refused
   */
  async answer(
    endpoint: Endpoint,
    response: HttpResponse,
    used: string | undefined,
    signal: AbortSignal,
  ): Promise<string> {
    const newer = this.header(endpoint)
    // Another request of this pull has asked meanwhile.
    if (newer !== undefined && newer !== used) return newer
    const challenge = preferredChallenge(parseChallenges(headerValues(response)))
    if (challenge === undefined) throw refused(endpoint, 'it asks for credentials in no way known')
    this.#current.delete(endpoint.base)
    const shared = this.#grants.get(endpoint.base)
    const asking = shared ?? this.#grant(endpoint, challenge, signal)
    if (shared === undefined) {
      this.#grants.set(endpoint.base, asking)
      const forget = () => this.#grants.delete(endpoint.base)
      asking.then(forget, forget)
    }
    const grant = await asking
    this.#current.set(endpoint.base, grant)
    // Basic proves the same thing again: asking twice cannot help.
    if (grant.header === used) throw refused(endpoint, 'it refuses the credentials')
    return grant.header
  }

  async #grant(endpoint: Endpoint, challenge: Challenge, signal: AbortSignal): Promise<Grant> {
    const credentials = credentialsFor(this.#auth, endpoint.label)
    if (challenge.scheme === 'basic') return basicGrant(endpoint, credentials)
    if (credentials?.kind === 'bearer') {
      return { header: `Bearer ${headerSafe(credentials.token, endpoint)}`, expiresAtMs: Number.MAX_SAFE_INTEGER }
    }
    const realm = challenge.parameters['realm'] ?? ''
    if (!URL.canParse(realm) || !/^https?:$/.test(new URL(realm).protocol)) {
      throw refused(endpoint, 'the realm of its challenge is not a URL')
    }
    const url = new URL(realm)
    if (credentials !== undefined && url.protocol === 'http:' && endpoint.base.startsWith('https:')) {
      throw refused(endpoint, 'it wants the credentials sent unencrypted to another server')
    }
    const scopes = [...new Set([...(challenge.parameters['scope'] ?? '').split(' '), this.#scope])].filter(Boolean)
    const ask = { endpoint, url, service: challenge.parameters['service'], scopes, credentials, signal }
    return (credentials === undefined ? undefined : await this.#byPost(ask, credentials)) ?? (await this.#byGet(ask))
  }

  async #byPost(ask: TokenRequest, credentials: Credentials): Promise<Grant | undefined> {
    const form = new URLSearchParams({ client_id: CLIENT_ID, scope: ask.scopes.join(' ') })
    if (ask.service !== undefined) form.set('service', ask.service)
    if (credentials.kind === 'refresh') {
      form.set('grant_type', 'refresh_token')
      form.set('refresh_token', credentials.token)
    } else if (credentials.kind === 'password') {
      form.set('grant_type', 'password')
      form.set('username', credentials.username)
      form.set('password', credentials.password)
    }
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const { endpoint, url, signal } = ask
    const response = await this.#http.send({ method: 'POST', url, headers, body: form.toString(), endpoint, signal })
    if (credentials.kind === 'password' && POST_REFUSALS.has(response.status)) {
      discardBody(response.message)
      return undefined
    }
    return this.#token(ask, response)
  }

  async #byGet(ask: TokenRequest): Promise<Grant> {
    const url = new URL(ask.url)
    if (ask.service !== undefined) url.searchParams.set('service', ask.service)
    for (const scope of ask.scopes) url.searchParams.append('scope', scope)
    const headers: Record<string, string> = {}
    if (ask.credentials?.kind === 'password') {
      url.searchParams.set('account', ask.credentials.username)
      headers['authorization'] = basic(ask.credentials)
    }
    const { endpoint, signal } = ask
    return this.#token(ask, await this.#http.send({ method: 'GET', url, headers, endpoint, signal }))
  }

  async #token(ask: TokenRequest, response: HttpResponse): Promise<Grant> {
    const { status, host } = response
    if (status !== 200) {
      discardBody(response.message)
      if (status >= 500 || status === 429) {
        throw new GantryError('unavailable', { action: `ask ${host} for a token`, reason: `it answered ${status}` })
      }
      throw refused(ask.endpoint, `the token server ${host} answered ${status}`)
    }
    const body = await this.#http.readAll(response, TOKEN_LIMIT_BYTES, ask.signal)
    const { token, life } = parseToken(body, ask.endpoint)
    return { header: `Bearer ${headerSafe(token, ask.endpoint)}`, expiresAtMs: this.#nowMs() + life }
  }
}

interface TokenRequest {
  readonly endpoint: Endpoint
  readonly url: URL
  readonly service: string | undefined
  readonly scopes: readonly string[]
  readonly credentials: Credentials | undefined
  readonly signal: AbortSignal
}

function parseToken(body: Buffer, endpoint: Endpoint): { token: string; life: number } {
  let answer: unknown
  try {
    answer = JSON.parse(body.toString())
  } catch (error) {
    // The text is a secret, should it be a token: it is not told.
    if (error instanceof SyntaxError) throw refused(endpoint, 'the token server did not answer JSON')
    throw error
  }
  const fields = (typeof answer === 'object' && answer !== null ? answer : {}) as Record<string, unknown>
  const token = [fields['token'], fields['access_token']].find((value) => typeof value === 'string' && value !== '')
  if (typeof token !== 'string') throw refused(endpoint, 'the token server sent no token')
  const seconds = fields['expires_in']
  const life = typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : DEFAULT_LIFE_MS
  return { token, life: Math.max(life, DEFAULT_LIFE_MS) }
}

function basicGrant(endpoint: Endpoint, credentials: Credentials | undefined): Grant {
  if (credentials?.kind !== 'password') throw refused(endpoint, 'it wants a user name and a password')
  return { header: basic(credentials), expiresAtMs: Number.MAX_SAFE_INTEGER }
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

function headerSafe(token: string, endpoint: Endpoint): string {
  if (!/^[\x21-\x7e]+$/.test(token)) throw refused(endpoint, 'its token is malformed')
  return token
}

function headerValues(response: HttpResponse): string[] {
  const value = response.message.headersDistinct['www-authenticate']
  return value ?? []
}

function refused(endpoint: Endpoint, reason: string): GantryError {
  return new GantryError('unauthenticated', { action: 'authenticate to', subject: endpoint.label, reason })
}
