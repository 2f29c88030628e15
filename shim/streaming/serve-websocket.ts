// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { createWebSocketStream } from 'ws'
import { PORT_FORWARD_TUNNEL } from './negotiate.ts'
import { serveRemoteCommand } from './remote-command.ts'
import { serveSpdyForward } from './spdy-forward.ts'
import type { RemoteLimits } from './spdy-remote.ts'
import type { Ticket } from './ticket.ts'
import { acceptWebSocket } from './websocket.ts'
import { serveWebSocketForward } from './websocket-forward.ts'
import { connectWebSocketRemote } from './websocket-remote.ts'

/** A request for an upgrade to WebSocket, as Node hands it out. */
export interface WebSocketRequest {
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
  /** What was chosen of the client's protocols; "" where it named none. */
  readonly protocol: string
}

/** Completes the handshake and serves the client until one side goes. */
export async function serveWebSocket(ticket: Ticket, asked: WebSocketRequest, limits: RemoteLimits): Promise<void> {
  const { request, socket, head, protocol } = asked
  if (socket.destroyed) return
  const webSocket = await acceptWebSocket(request, socket, head, protocol)
  if (ticket.kind !== 'portforward') {
    const { command } = ticket
    await serveRemoteCommand(command, async (handlers) =>
      connectWebSocketRemote(webSocket, protocol, command.streams, handlers, limits.idleMs),
    )
  } else if (protocol === PORT_FORWARD_TUNNEL) {
    await serveSpdyForward(createWebSocketStream(webSocket), ticket.forward.target, limits)
  } else await serveWebSocketForward(webSocket, protocol, ticket.forward, limits.idleMs)
}
