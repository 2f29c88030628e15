// SPDX-License-Identifier: Apache-2.0

/** Where to listen. */
export type ListenAddress =
  | { readonly kind: 'off' }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

/** The kernel's limit for a socket's path, its final NUL included. */
const UNIX_PATH_MAX = 108

/**
 * Reads `127.0.0.1:9580`, `[::1]:9580`, `localhost:0`, `unix:/run/x.sock` (or `unix:///run/x.sock`); empty is off.
 *
 * @throws Error naming the address and what is wrong with it
 */
export function parseListenAddress(text: string): ListenAddress {
  if (text === '') return { kind: 'off' }
  if (text.startsWith('unix:')) return parseUnix(text)
  const match = /^(?:\[([0-9a-fA-F:.%a-z]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined) throw refused(text, 'not HOST:PORT, unix:PATH or empty')
  if (port > 65535) throw refused(text, `port ${port} is above 65535`)
  return { kind: 'tcp', host, port }
}

function parseUnix(text: string): ListenAddress {
  const path = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '')
  if (!path.startsWith('/')) throw refused(text, 'the socket path is not absolute')
  if (Buffer.byteLength(path) >= UNIX_PATH_MAX) throw refused(text, 'the socket path is longer than 107 bytes')
  return { kind: 'unix', path }
}

function refused(text: string, reason: string): Error {
  return new Error(`parse metrics address ${JSON.stringify(text)}: ${reason}`)
}
