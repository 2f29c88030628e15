// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../../runtime-core/errors.ts'
import { apiHost } from './endpoint.ts'

/** CRI's AuthConfig: what the kubelet hands over for one pull. */
export interface AuthConfig {
  readonly username?: string
  readonly password?: string
  /** base64 of `user:password`. */
  readonly auth?: string
  readonly serverAddress?: string
  /** A refresh token. */
  readonly identityToken?: string
  /** A ready bearer token. */
  readonly registryToken?: string
}

/** What can be proved to a host. */
export type Credentials =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  | { readonly kind: 'refresh'; readonly token: string }
  | { readonly kind: 'bearer'; readonly token: string }

/**
 * The credentials that apply to `host`, or undefined: username and password first, then a refresh token, then `auth`,
 * then a bearer token. With a server address they go to that host only.
 *
 * @throws GantryError invalid_argument when `auth` is malformed (its value is not told)
 */
export function credentialsFor(auth: AuthConfig | undefined, host: string): Credentials | undefined {
  if (auth === undefined) return undefined
  const server = auth.serverAddress ?? ''
  if (server !== '' && serverHost(server) !== host) return undefined
  const { username = '', password = '', identityToken = '', registryToken = '' } = auth
  if (username !== '') return { kind: 'password', username, password }
  if (identityToken !== '') return { kind: 'refresh', token: identityToken }
  if ((auth.auth ?? '') !== '') return decode(auth.auth ?? '')
  if (registryToken !== '') return { kind: 'bearer', token: registryToken }
  return undefined
}

/** `https://index.docker.io/v1/`, `quay.io` → the API host they mean. */
function serverHost(address: string): string | undefined {
  const full = /^[a-z]+:\/\//i.test(address) ? address : `https://${address}`
  if (!URL.canParse(full)) return undefined
  const { host } = new URL(full)
  return host === 'index.docker.io' ? apiHost('docker.io') : apiHost(host)
}

function decode(text: string): Credentials {
  const decoded = Buffer.from(text, 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  if (colon === -1) {
    throw new GantryError('invalid_argument', {
      action: 'read credentials',
      reason: 'auth is not base64 of user:password',
    })
  }
  // Some writers pad the password with NULs.
  return { kind: 'password', username: decoded.slice(0, colon), password: decoded.slice(colon + 1).replace(/\0+$/, '') }
}
