// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../runtime-core/errors.ts'

/** Whose network, and with it whose name, a pod has. */
export type PodNetworkKind = 'host' | 'pod'

export interface HostnameSource {
  /** PodSandboxConfig.hostname. */
  readonly requested: string
  readonly network: PodNetworkKind
  readonly hostHostname: string
  readonly sandboxId: string
}

/** The kernel's __NEW_UTS_LEN. */
const maxBytes = 64

/**
 * The name a pod answers to: the requested one; else the host's on the host's network, and the head of the sandbox id
 * on its own. Throws invalid_argument for what cannot be a host name.
 */
export function podHostname({ requested, network, hostHostname, sandboxId }: HostnameSource): string {
  if (requested === '') return network === 'host' ? hostHostname : sandboxId.slice(0, 12)
  if (requested.length <= maxBytes && /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(requested)) return requested
  const reason = `letters, digits, ".", "-" and "_", at most ${maxBytes}`
  throw new GantryError('invalid_argument', { action: 'use as hostname', subject: requested, reason })
}

/** The text of /etc/hostname. */
export function buildHostname(hostname: string): string {
  return `${hostname}\n`
}
