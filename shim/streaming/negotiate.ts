// SPDX-License-Identifier: Apache-2.0

/** What exec and attach speak over SPDY, the best first (KEP-4006 has the history). */
export const REMOTE_COMMAND_SPDY = [
  'v4.channel.k8s.io',
  'v3.channel.k8s.io',
  'v2.channel.k8s.io',
  'channel.k8s.io',
] as const

/** What they speak over WebSocket; "" is a client that names none. */
export const REMOTE_COMMAND_WEBSOCKET = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
  '',
] as const

export const PORT_FORWARD_SPDY = ['portforward.k8s.io'] as const

/** The SPDY connection of port-forward, carried in the messages of a WebSocket. */
export const PORT_FORWARD_TUNNEL = 'SPDY/3.1+portforward.k8s.io'
export const PORT_FORWARD_WEBSOCKET = [
  PORT_FORWARD_TUNNEL,
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  '',
] as const

/** The first protocol of the client's list that is known here; undefined where there is none. */
export function chooseProtocol<P extends string>(offered: readonly string[], known: readonly P[]): P | undefined {
  for (const name of offered) {
    const found = known.find((candidate) => candidate === name)
    if (found !== undefined) return found
  }
  return undefined
}

/** The values of a header that may be repeated, comma separated, or both; empty ones left out. */
export function listOf(header: string | readonly string[] | undefined): string[] {
  const lines = header === undefined ? [] : typeof header === 'string' ? [header] : header
  return lines
    .flatMap((line) => line.split(','))
    .map((value) => value.trim())
    .filter((value) => value !== '')
}
