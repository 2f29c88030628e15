// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** Who may pull. `bearer` has the registry issue its own tokens at `/token`, as the distribution token spec says. */
export type RegistryAuth =
  | { readonly scheme: 'basic'; readonly username: string; readonly password: string }
  | {
      readonly scheme: 'bearer'
      /** Where both are absent, tokens are given to anyone who asks. */
      readonly username?: string
      readonly password?: string
      /** The only refresh token accepted by the OAuth2 form of the token request. */
      readonly identityToken?: string
      /** Seconds a token is valid; 60 where not given. */
      readonly expiresInS?: number
    }

/** What the token endpoint answers. */
export interface TokenAnswer {
  readonly status: 200 | 400 | 401
  readonly body: object
}

const MAX_TOKENS = 10_000

/** Checks credentials and issues tokens for one registry. The clock is handed in: milliseconds since the epoch. */
export class Gatekeeper {
  readonly #auth: RegistryAuth | undefined
  readonly #now: () => number
  readonly #tokens = new Map<string, { readonly scopes: readonly string[]; readonly until: number }>()

  constructor(auth: RegistryAuth | undefined, now: () => number) {
    this.#auth = auth
    this.#now = now
  }

  /** Undefined where the request may pass, else the value of `WWW-Authenticate`. */
  challenge(request: IncomingMessage, repository: string): string | undefined {
    const auth = this.#auth
    if (auth === undefined) return undefined
    const given = request.headers.authorization ?? ''
    if (auth.scheme === 'basic') {
      return given === basic(auth.username, auth.password) ? undefined : 'Basic realm="registry"'
    }
    const scope = repository === '' ? '' : `repository:${repository}:pull`
    const token = this.#tokens.get(given.replace(/^Bearer /i, ''))
    const valid = token !== undefined && token.until > this.#now()
    if (valid && (scope === '' || token.scopes.includes(scope))) return undefined
    const host = request.headers.host ?? 'localhost'
    const protocol = 'encrypted' in request.socket ? 'https' : 'http'
    const error = given === '' ? '' : `,error="${valid ? 'insufficient_scope' : 'invalid_token'}"`
    return `Bearer realm="${protocol}://${host}/token",service="registry"${scope === '' ? '' : `,scope="${scope}"`}${error}`
  }

  /** Answers a token request: `parameters` are those of the query (GET) or the form (POST). */
  token(method: string, parameters: URLSearchParams, authorization: string | undefined): TokenAnswer {
    const auth = this.#auth
    if (auth?.scheme !== 'bearer') return { status: 400, body: { error: 'unsupported_grant_type' } }
    if (!this.#mayHaveToken(auth, method, parameters, authorization)) {
      return { status: 401, body: { error: 'invalid_grant' } }
    }
    const expiresIn = auth.expiresInS ?? 60
    const token = randomBytes(24).toString('base64url')
    const scopes = parameters.getAll('scope').flatMap((scope) => scope.split(' '))
    if (this.#tokens.size >= MAX_TOKENS) this.#tokens.clear()
    this.#tokens.set(token, { scopes, until: this.#now() + expiresIn * 1000 })
    return { status: 200, body: { token, access_token: token, expires_in: expiresIn } }
  }

  #mayHaveToken(
    auth: RegistryAuth & { readonly scheme: 'bearer' },
    method: string,
    parameters: URLSearchParams,
    authorization: string | undefined,
  ): boolean {
    if (method === 'POST' && parameters.get('grant_type') === 'refresh_token') {
      return auth.identityToken !== undefined && parameters.get('refresh_token') === auth.identityToken
    }
    if (auth.username === undefined) return auth.identityToken === undefined
    if (method === 'GET') return authorization === basic(auth.username, auth.password ?? '')
    return parameters.get('username') === auth.username && parameters.get('password') === auth.password
  }
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}
