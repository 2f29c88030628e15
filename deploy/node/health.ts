// SPDX-License-Identifier: Apache-2.0
import { get } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCriClient } from '../../cri-proto/index.ts'
import { messageOf } from '../../runtime-core/errors.ts'
import type { Host } from './host.ts'

/** Where the daemon listens on a node. */
export const DAEMON_SOCKET = '/run/gantry/gantry.sock'
/** Where it serves its metrics: in no network, for the agent to pass on. */
export const METRICS_SOCKET = '/run/gantry/metrics.sock'

const CALL_TIMEOUT_MS = 5_000
const BETWEEN_MS = 500

/** What a daemon says of itself. */
export interface DaemonHealth {
  /** Of the release that answers; undefined where nobody does. */
  readonly version: string | undefined
  /** Whether it would run pods. */
  readonly ready: boolean
  /** Why not. */
  readonly reason: string
}

/**
 * Asks the daemon for its version and conditions. The version is that of its metrics: in front of another runtime the CRI
 * tells that one's. That the network, or the other runtime, is not ready is not the daemon's fault.
 */
export async function askDaemon(host: Host): Promise<DaemonHealth> {
  const client = createCriClient(`unix://${host.path(DAEMON_SOCKET)}`, { defaultTimeoutMs: CALL_TIMEOUT_MS })
  try {
    const { status } = await client.runtime.status({ verbose: false })
    const version = /^gantry_build_info\{.*?version="([^"]*)"/m.exec(await readMetrics(host))?.[1]
    const conditions = new Map(status?.conditions.map((condition) => [condition.type, condition]))
    const condition = conditions.get('GantryReady') ?? conditions.get('RuntimeReady')
    const ready = condition?.status === true
    const reason = ready ? '' : `${condition?.reason}: ${condition?.message}`
    return { version, ready, reason }
  } catch (error) {
    return { version: undefined, ready: false, reason: messageOf(error) }
  } finally {
    client.close()
  }
}

/** The daemon's metrics, as text. @throws where nobody answers. */
export function readMetrics(host: Host): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { socketPath: host.path(METRICS_SOCKET), path: '/metrics', timeout: CALL_TIMEOUT_MS }
    const request = get(options, (response) => {
      text(response).then(resolve, reject)
    })
    request.on('timeout', () => request.destroy(new Error(`no metrics within ${CALL_TIMEOUT_MS} ms`)))
    request.on('error', reject)
  })
}

/** Asks until the release that is wanted answers and is ready, or the time is up. @returns its last answer. */
export async function waitForDaemon(host: Host, version: string, timeoutMs: number): Promise<DaemonHealth> {
  const until = performance.now() + timeoutMs
  for (;;) {
    const health = await askDaemon(host)
    if ((health.ready && health.version === version) || performance.now() > until) return judged(health, version)
    await sleep(BETWEEN_MS)
  }
}

function judged(health: DaemonHealth, version: string): DaemonHealth {
  if (!health.ready || health.version === version) return health
  return { ...health, ready: false, reason: `version ${health.version} answers, not ${version}` }
}
