// SPDX-License-Identifier: Apache-2.0
import type { PodNetworkKind } from './hostname.ts'

export interface HostsSource {
  readonly network: PodNetworkKind
  readonly hostname: string
  /** The pod's addresses, primary first. */
  readonly ips: readonly string[]
  /** The host's /etc/hosts. */
  readonly hostText: string
}

const loopback = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'fe00::0\tip6-mcastprefix',
  'fe00::1\tip6-allnodes',
  'fe00::2\tip6-allrouters',
]

/**
 * The text of /etc/hosts for containers to which the kubelet gives none of its own: on the host's network the host's,
 * else loopback and the pod's own name, in the kubelet's form. The host's names stay out of pods with their own network.
 */
export function buildHosts({ network, hostname, ips, hostText }: HostsSource): string {
  if (network === 'host') return hostText
  return `${[...loopback, ...ips.map((ip) => `${ip}\t${hostname}`)].join('\n')}\n`
}
