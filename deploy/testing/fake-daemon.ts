// SPDX-License-Identifier: Apache-2.0
import { rm } from 'node:fs/promises'
import { createServer, type Server as HttpServer } from 'node:http'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { RuntimeServiceService } from '../../cri-proto/index.ts'
import { DAEMON_SOCKET, METRICS_SOCKET } from '../node/health.ts'
import type { Host } from '../node/host.ts'

/** What stands in for gantryd on a fake node: it answers Version and Status, and serves one metric. */
export class FakeDaemon {
  readonly #grpc: Server
  readonly #http: HttpServer

  private constructor(grpc: Server, http: HttpServer) {
    this.#grpc = grpc
    this.#http = http
  }

  static async start(host: Host, version: string, ready: boolean): Promise<FakeDaemon> {
    const grpc = new Server()
    const condition = {
      type: 'RuntimeReady',
      status: ready,
      reason: ready ? '' : 'Broken',
      message: 'as the test wants it',
    }
    grpc.addService(RuntimeServiceService, {
      version: (_: unknown, answer: (error: null, value: object) => void) => answer(null, { runtimeVersion: version }),
      status: (_: unknown, answer: (error: null, value: object) => void) =>
        answer(null, { status: { conditions: [condition] }, info: {}, runtimeHandlers: [] }),
    } as never)
    const http = createServer((_, response) => response.end(`gantry_build_info{version="${version}",arch="x64"} 1\n`))
    for (const socket of [DAEMON_SOCKET, METRICS_SOCKET]) await rm(host.path(socket), { force: true })
    await new Promise<void>((resolve, reject) => {
      const address = `unix:${host.path(DAEMON_SOCKET)}`
      grpc.bindAsync(address, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      )
    })
    await new Promise<void>((resolve) => http.listen(host.path(METRICS_SOCKET), resolve))
    return new FakeDaemon(grpc, http)
  }

  async stop(): Promise<void> {
    this.#grpc.forceShutdown()
    this.#http.closeAllConnections()
    await new Promise((resolve) => this.#http.close(resolve))
  }
}
