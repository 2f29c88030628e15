// SPDX-License-Identifier: Apache-2.0
import type { WebSocket } from 'ws'
import { Forwarding } from './forwarding.ts'
import type { PreparedForward } from './port-forward.ts'
import { WebSocketChannels } from './websocket.ts'

/**
 * Serves the older WebSocket form of port-forward until the client goes: the ports are those of the request, each with a
 * channel for data (even) and one for its error (odd).
 */
export function serveWebSocketForward(
  webSocket: WebSocket,
  protocol: string,
  { target, ports }: PreparedForward,
  idleMs: number,
): Promise<void> {
  return new Promise((resolve) => {
    const channels = new WebSocketChannels(
      webSocket,
      protocol,
      2 * ports.length,
      {
        message: (channel, bytes, consumed) => {
          const forwarding = channel % 2 === 0 ? forwardings[channel / 2] : undefined
          if (forwarding === undefined) consumed()
          else forwarding.input(bytes, consumed)
        },
        channelEnd: () => undefined,
        drained: () => {
          for (const forwarding of forwardings) forwarding.resume()
        },
        closed: () => {
          for (const forwarding of forwardings) forwarding.close()
          resolve()
        },
      },
      idleMs,
    )
    let running = ports.length
    const forwardings = ports.map((port, index) => {
      const [data, error] = [2 * index, 2 * index + 1]
      const name = Buffer.from([port & 0xff, port >> 8])
      channels.send(data, name)
      channels.send(error, name)
      return new Forwarding(target, port, {
        write: (bytes, done) => {
          const goOn = channels.send(data, bytes)
          done()
          return goOn
        },
        ended: () => undefined,
        finished: (failure) => {
          if (failure !== undefined) channels.send(error, Buffer.from(failure))
          // This form has no end of one channel: the connection ends with the last port.
          if (--running === 0) channels.close()
        },
      })
    })
    for (const forwarding of forwardings) {
      forwarding.start().catch(() => channels.close())
    }
  })
}
