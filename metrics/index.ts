// SPDX-License-Identifier: Apache-2.0
import { collectEventLoop } from './collect-event-loop.ts'
import { collectImages } from './collect-images.ts'
import { collectPods, type Population } from './collect-pods.ts'
import { collectProcess } from './collect-process.ts'
import { collectRecovery } from './collect-recovery.ts'
import { collectRpc } from './collect-rpc.ts'
import { collectStages } from './collect-stages.ts'
import { MetricsRegistry } from './registry.ts'
import { type Health, type MetricsServer, serveMetrics } from './server.ts'

export type { Population } from './collect-pods.ts'
export type { Health, MetricsServer } from './server.ts'

/** What runs, for gantry_build_info. */
export interface Build {
  readonly version: string
  /** The commit, or empty where it is not known. */
  readonly revision: string
}

export interface MetricsOptions {
  /** `127.0.0.1:9580`, `[::1]:9580`, `unix:/path`; empty: nothing listens and nothing is counted. */
  readonly listen: string
  readonly build: Build
  /** Read at each scrape, from memory. */
  readonly population: () => Population
  /** Read at each `/healthz`. */
  readonly health: () => Health
  /** Monotonic time in milliseconds. */
  readonly now: () => number
  /** Told of each collector that could not read its values for a scrape. */
  readonly onReadError: (error: Error) => void
}

/** How long a collector may take in a scrape. */
const READ_TIMEOUT_MS = 2_000

/**
 * Starts counting and serving. Call it before the first fact is published, or what went before is not counted.
 *
 * @throws Error naming the address, when it cannot be parsed or bound
 */
export async function startMetrics(options: MetricsOptions): Promise<MetricsServer> {
  const { listen, build, population, health, now, onReadError } = options
  const registry = new MetricsRegistry({ readTimeoutMs: READ_TIMEOUT_MS, onReadError })
  const server = await serveMetrics({ listen, registry, health })
  if (server.address === '') return server
  const end = collectAll(registry, { build, population, now })
  return {
    address: server.address,
    close: async () => {
      end()
      await server.close()
    },
  }
}

/** Fills the registry from every collector there is. Returns the function that ends them. */
export function collectAll(
  registry: MetricsRegistry,
  { build, population, now }: Pick<MetricsOptions, 'build' | 'population' | 'now'>,
): () => void {
  const { version, revision } = build
  const labels = { version, revision, node_version: process.version, arch: process.arch }
  registry.gauge('gantry_build_info').set(labels, 1)
  registry.counter('gantry_metrics_scrape_errors_total')
  const endings = [
    collectRpc(registry),
    collectPods(registry, population),
    collectImages(registry),
    collectStages(registry),
    collectRecovery(registry),
    collectEventLoop(registry, now),
  ]
  collectProcess(registry)
  return () => {
    for (const end of endings) end()
  }
}
