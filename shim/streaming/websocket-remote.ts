// SPDX-License-Identifier: Apache-2.0
import type { WebSocket } from 'ws'
import type { RemoteClient, RemoteHandlers, RemoteStreams } from './remote-command.ts'
import { ResizeReader } from './resize.ts'
import { statusText } from './status.ts'
import { WebSocketChannels } from './websocket.ts'

const STDIN = 0
const STDOUT = 1
const STDERR = 2
const ERROR = 3
const RESIZE = 4
const CHANNELS = 5

/** Exec and attach over the numbered channels of a WebSocket, in every version of the protocol. */
export function connectWebSocketRemote(
  webSocket: WebSocket,
  protocol: string,
  wanted: RemoteStreams,
  handlers: RemoteHandlers,
  idleMs: number,
): RemoteClient {
  const form = /^v[45]\./.test(protocol) ? 'json' : 'text'
  const sizes = new ResizeReader()
  const channels = new WebSocketChannels(
    webSocket,
    protocol,
    CHANNELS,
    {
      message: (channel, bytes, consumed) => {
        if (channel === STDIN && wanted.stdin) {
          handlers.stdin(bytes, consumed)
          return
        }
        if (channel === RESIZE && wanted.tty) resize(bytes)
        consumed()
      },
      channelEnd: (channel) => {
        if (channel === STDIN) handlers.stdinEnd()
      },
      drained: () => handlers.drained(),
      closed: () => handlers.closed(),
    },
    idleMs,
  )
  const resize = (bytes: Buffer): void => {
    try {
      const size = sizes.push(bytes)
      if (size !== undefined) handlers.resize(size)
    } catch {
      webSocket.terminate() // what is no size ends the connection, as over SPDY
    }
  }
  // Clients wait for a first message, however empty, before they write (KEP-4006).
  channels.send(wanted.stdout ? STDOUT : wanted.stderr ? STDERR : ERROR, Buffer.alloc(0))
  return {
    write: (stream, bytes, done) => {
      const goOn = channels.send(stream, bytes)
      done()
      return goOn
    },
    finish: (result) => {
      const text = statusText(result, form)
      if (text !== undefined) channels.send(ERROR, Buffer.from(text))
      channels.close()
    },
  }
}
