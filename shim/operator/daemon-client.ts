// SPDX-License-Identifier: Apache-2.0
import { connect } from 'node:net'
import { type ServiceError, status } from '@grpc/grpc-js'
import { type CriClient, createCriClient } from '../../cri-proto/index.ts'
import { GantryError } from '../../runtime-core/errors.ts'

const CONNECT_TIMEOUT_MS = 5_000
const CALL_TIMEOUT_MS = 30_000

/**
 * Connects to a daemon.
 *
 * @throws GantryError `unavailable` where nobody answers.
 */
export async function connectDaemon(endpoint: string): Promise<CriClient> {
  const client = createCriClient(endpoint, { defaultTimeoutMs: CALL_TIMEOUT_MS })
  try {
    // gRPC itself would try for seconds what the socket tells at once.
    await knock(endpoint.slice('unix://'.length))
    await client.ready(CONNECT_TIMEOUT_MS)
    return client
  } catch (cause) {
    client.close()
    throw new GantryError('unavailable', {
      action: 'connect to',
      subject: endpoint,
      reason: 'nobody answers',
      hint: 'is gantryd running, is --listen the same as its own, and are you root?',
      cause,
    })
  }
}

function knock(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => {
      socket.destroy()
      resolve()
    })
    socket.once('error', reject)
  })
}

/** What a daemon answered instead of a result, in its own words. */
export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error
}

/** True when the daemon says that there is no such object. */
export function isNotFound(error: unknown): boolean {
  return isServiceError(error) && error.code === status.NOT_FOUND
}
