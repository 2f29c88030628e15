// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../runtime-core/errors.ts'

/** The CRI's DNSConfig. */
export interface DnsConfig {
  readonly servers: readonly string[]
  readonly searches: readonly string[]
  readonly options: readonly string[]
}

/**
 * The text of a pod's /etc/resolv.conf: `search`, one `nameserver` a line, `options`; empty lists have no line. Without
 * a configuration, or with one that says nothing, it is the host's text, byte for byte.
 * Throws invalid_argument for an entry that would not be one word: it could add lines of its own.
 */
export function buildResolvConf(dns: DnsConfig | undefined, hostText: string): string {
  if (dns === undefined) return hostText
  const lines = [
    ...(dns.searches.length === 0 ? [] : [`search ${words('search domain', dns.searches)}`]),
    ...dns.servers.map((server) => `nameserver ${words('nameserver', [server])}`),
    ...(dns.options.length === 0 ? [] : [`options ${words('resolver option', dns.options)}`]),
  ]
  return lines.length === 0 ? hostText : `${lines.join('\n')}\n`
}

function words(what: string, entries: readonly string[]): string {
  for (const entry of entries) {
    if (/^[^\s\p{Cc}]+$/u.test(entry)) continue
    throw new GantryError('invalid_argument', { action: `use as ${what}`, subject: entry, reason: 'not one word' })
  }
  return entries.join(' ')
}
