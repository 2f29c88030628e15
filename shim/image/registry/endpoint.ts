// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { GantryError } from '../../../runtime-core/errors.ts'

/** Where and how to ask for an image: one host of the list that is tried in order. */
export interface Endpoint {
  /** `https://host:port/v2`, without a slash at the end. */
  readonly base: string
  /** `host:port` as it stands in messages. */
  readonly label: string
  readonly canResolve: boolean
  readonly canPull: boolean
  readonly tls: TlsSettings
  /** Added to every request to this host. */
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly dialTimeoutMs: number | undefined
  /** The registry a mirror stands for, sent as `?ns=`. */
  readonly namespace: string | undefined
}

export interface TlsSettings {
  /** PEM texts beside the system's authorities. */
  readonly ca: readonly string[]
  readonly clients: readonly { readonly cert: string; readonly key: string }[]
  readonly verify: boolean
}

export const DEFAULT_TLS: TlsSettings = { ca: [], clients: [], verify: true }

/** The API host of a registry: Docker Hub answers under another name than its images carry. */
export function apiHost(domain: string): string {
  return domain === 'docker.io' ? 'registry-1.docker.io' : domain
}

/** A `?ns=` is due when the host is not the registry's own. */
export function namespaceFor(domain: string, host: string): string | undefined {
  return host === domain || host === apiHost(domain) ? undefined : domain
}

/** The text of a file that must be there. @throws GantryError failed_precondition */
export async function readRequired(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new GantryError('failed_precondition', { action: 'read registry configuration', subject: file, cause })
  }
}
