// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { collectAll } from '../../metrics/index.ts'
import { MetricsRegistry } from '../../metrics/registry.ts'
import { FACT_NAMES, type Facts, publish } from './channels.ts'

/** One of each fact with only its required fields: the least that any publisher may give. */
const SAMPLES: { readonly [Name in keyof Facts]: Facts[Name] } = {
  DaemonReady: { version: '0.1.0', listen: 'unix:///x', durationMs: 1, sandboxes: 0, containers: 0 },
  RpcStarted: { service: 'ImageService', method: 'PullImage' },
  RpcFinished: { service: 'ImageService', method: 'PullImage', code: 'OK', durationMs: 1 },
  SandboxStateChanged: { id: 'p', from: 'none', to: 'ready' },
  ContainerStateChanged: { id: 'c', podId: 'p', from: 'running', to: 'exited', exitCode: 0 },
  StageFinished: { operation: 'run_pod_sandbox', stage: 'cni_add', durationMs: 1, outcome: 'ok' },
  ImagePullStarted: { reference: 'r' },
  ImagePullFinished: { reference: 'r', bytes: 0, durationMs: 1, outcome: 'error', reason: 'no_space' },
  LayerUnpacked: { digest: 'd', compressedBytes: 1, unpackedBytes: 2, durationMs: 1 },
  ImageRemoved: { id: 'i', freedBytes: 3 },
  OomKilled: { containerId: 'c', podId: 'p' },
  KeeperStarted: { podId: 'p', pid: 1, recovered: false },
  KeeperLost: { podId: 'p', pid: 1, reason: 'killed' },
  LeakFound: { kind: 'address', subject: '10.0.0.1', removed: true },
  IntentRolledBack: { operation: 'o', subject: 's', durationMs: 1, outcome: 'ok' },
  ConditionChanged: { condition: 'NetworkReady', ready: true, reason: '' },
}

/** Facts that are printed and kept out of the figures: gauges read at the scrape tell the same. */
const NOT_COUNTED = new Set(['DaemonReady', 'SandboxStateChanged', 'KeeperStarted'])

test('metrics understands every fact that the daemon publishes', async () => {
  const registry = new MetricsRegistry({ readTimeoutMs: 1_000, onReadError: () => undefined })
  const end = collectAll(registry, {
    build: { version: '0', revision: '' },
    population: () => ({ sandboxes: {}, containers: {}, keepers: 0 }),
    now: () => 0,
  })
  const counted: string[] = []
  for (const name of FACT_NAMES) {
    const before = gantryLines(await registry.scrape())
    publish(name, SAMPLES[name])
    if (gantryLines(await registry.scrape()) !== before) counted.push(name)
  }
  end()
  assert.equal(
    counted,
    FACT_NAMES.filter((name) => !NOT_COUNTED.has(name)),
  )
  const { body } = await registry.scrape()
  assert.not.match(body, /gantry_metrics_rejected_facts_total\{/)
  assert.not.match(body, /="other"/)
})

/** The lines that only facts change. */
function gantryLines({ body }: { body: string }): string {
  return body
    .split('\n')
    .filter((line) => line.startsWith('gantry_') && !line.startsWith('gantry_event_loop'))
    .join('\n')
}

test.run()
