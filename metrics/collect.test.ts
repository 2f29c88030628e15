// SPDX-License-Identifier: Apache-2.0
import { channel } from 'node:diagnostics_channel'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { collectAll } from './index.ts'
import { MetricsRegistry } from './registry.ts'

interface Context {
  registry: MetricsRegistry
  end: () => void
  clockMs: number
}

const test = suite<Context>('collectors')

/** Publishes as any program could that knows the channel's name only. */
function publish(name: string, payload: unknown): void {
  channel(`gantry:${name}`).publish(payload)
}

async function scrape({ registry }: Context): Promise<Map<string, number>> {
  const { body } = await registry.scrape()
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ')
      return [line.slice(0, space), Number(line.slice(space + 1))]
    }),
  )
}

test.before.each((context) => {
  context.clockMs = 0
  context.registry = new MetricsRegistry({
    readTimeoutMs: 1_000,
    onReadError: (error) => assert.unreachable(error.message),
  })
  context.end = collectAll(context.registry, {
    build: { version: '1.2.3', revision: 'abc' },
    population: () => ({ sandboxes: { ready: 2 }, containers: { running: 3, exited: 1 }, keepers: 2 }),
    now: () => context.clockMs,
  })
})

test.after.each(({ end }) => end())

test('an RPC is in flight until it is answered, then counted and timed by its code', async (context) => {
  const rpc = { service: 'RuntimeService', method: 'RunPodSandbox' }
  publish('RpcStarted', rpc)
  publish('RpcStarted', rpc)
  publish('RpcFinished', { ...rpc, code: 'INTERNAL', durationMs: 40 })
  const values = await scrape(context)
  const labels = 'service="RuntimeService",method="RunPodSandbox"'
  assert.is(values.get(`gantry_cri_requests_in_flight{${labels}}`), 1)
  assert.is(values.get(`gantry_cri_requests_total{${labels},code="INTERNAL"}`), 1)
  const buckets = (le: string) =>
    values.get(`gantry_cri_request_duration_seconds_bucket{le="${le}",${labels},code="INTERNAL"}`)
  assert.equal([buckets('0.025'), buckets('0.05'), buckets('+Inf')], [0, 1, 1])
})

test('pods, containers and keepers are read at the scrape, every state always there', async (context) => {
  const values = await scrape(context)
  assert.is(values.get('gantry_sandboxes{state="ready"}'), 2)
  assert.is(values.get('gantry_sandboxes{state="notready"}'), 0)
  assert.is(values.get('gantry_containers{state="running"}'), 3)
  assert.is(values.get('gantry_containers{state="unknown"}'), 0)
  assert.is(values.get('gantry_keepers'), 2)
})

test('containers that ended are told apart: done, failed, killed for memory', async (context) => {
  const exit = (exitCode: number, reason: string) =>
    publish('ContainerStateChanged', { id: 'c', podId: 'p', from: 'running', to: 'exited', exitCode, reason })
  exit(0, 'Completed')
  exit(3, 'Error')
  exit(137, 'OOMKilled')
  publish('ContainerStateChanged', { id: 'c', podId: 'p', from: 'none', to: 'created' })
  publish('OomKilled', { containerId: 'c', podId: 'p' })
  publish('KeeperLost', { podId: 'p', pid: 1, reason: 'killed' })
  const values = await scrape(context)
  for (const result of ['zero', 'nonzero', 'oom']) {
    assert.is(values.get(`gantry_container_exits_total{result="${result}"}`), 1, result)
  }
  assert.is(values.get('gantry_oom_kills_total'), 1)
  assert.is(values.get('gantry_keepers_lost_total'), 1)
})

test('image pulls are in progress, then counted by outcome and reason with bytes and time', async (context) => {
  publish('ImagePullStarted', { reference: 'a' })
  publish('ImagePullStarted', { reference: 'b' })
  publish('ImagePullStarted', { reference: 'c' })
  publish('ImagePullFinished', { reference: 'a', bytes: 1000, durationMs: 700, outcome: 'ok' })
  publish('ImagePullFinished', {
    reference: 'b',
    bytes: 5,
    durationMs: 20,
    outcome: 'error',
    reason: 'digest_mismatch',
  })
  const values = await scrape(context)
  assert.is(values.get('gantry_image_pulls_in_progress'), 1)
  assert.is(values.get('gantry_image_pulls_total{outcome="ok",reason="none"}'), 1)
  assert.is(values.get('gantry_image_pulls_total{outcome="error",reason="digest_mismatch"}'), 1)
  assert.is(values.get('gantry_image_pull_bytes_total'), 1005)
  assert.is(values.get('gantry_image_pull_duration_seconds_sum{outcome="ok"}'), 0.7)
})

test('a stage is timed under its operation', async (context) => {
  publish('StageFinished', { operation: 'run_pod_sandbox', stage: 'cni_add', durationMs: 30, outcome: 'timeout' })
  const values = await scrape(context)
  const labels = 'operation="run_pod_sandbox",stage="cni_add",outcome="timeout"'
  assert.is(values.get(`gantry_stage_duration_seconds_count{${labels}}`), 1)
})

test('recovery, removals and conditions are counted', async (context) => {
  publish('LeakFound', { kind: 'netns', subject: '/run/netns/x', removed: true })
  publish('IntentRolledBack', { operation: 'run_pod_sandbox', subject: 'p', durationMs: 1, outcome: 'ok' })
  publish('ImageRemoved', { id: 'sha256:x', freedBytes: 4096 })
  publish('LayerUnpacked', { digest: 'sha256:y', compressedBytes: 10, unpackedBytes: 30, durationMs: 5 })
  publish('ConditionChanged', { condition: 'NetworkReady', ready: false, reason: 'no config' })
  const values = await scrape(context)
  assert.is(values.get('gantry_leaks_found_total{kind="netns",removed="true"}'), 1)
  assert.is(values.get('gantry_intents_rolled_back_total{outcome="ok"}'), 1)
  assert.is(values.get('gantry_image_freed_bytes_total'), 4096)
  assert.is(values.get('gantry_layer_unpacked_bytes_total'), 30)
  assert.is(values.get('gantry_condition{condition="NetworkReady"}'), 0)
})

test('a payload that does not fit is counted as rejected and harms nothing', async (context) => {
  publish('RpcFinished', { service: 'RuntimeService', method: 'Version', code: 'OK', durationMs: Number.NaN })
  publish('RpcFinished', null)
  publish('ImageRemoved', { id: 'x', freedBytes: -1 })
  const values = await scrape(context)
  assert.is(values.get('gantry_metrics_rejected_facts_total{collector="rpc"}'), 2)
  assert.is(values.get('gantry_metrics_rejected_facts_total{collector="images"}'), 1)
})

test('label values from a mistake cannot fill Prometheus', async (context) => {
  for (let n = 0; n < 1000; n++) {
    const letters = [...String(n)].map((digit) => 'abcdefghij'[Number(digit)]).join('')
    publish('RpcFinished', { service: `s${n}`, method: `M${letters}`, code: `C${n}`, durationMs: 1 })
    publish('StageFinished', { operation: `op_${n}`, stage: `st_${n}`, durationMs: 1, outcome: `o${n}` })
    publish('ImagePullFinished', { reference: 'r', bytes: 1, durationMs: 1, outcome: 'error', reason: `r${n}` })
  }
  publish('RpcFinished', { service: 'RuntimeService', method: 'a"b\nc', code: 'OK', durationMs: 1 })
  const names = [...(await scrape(context)).keys()]
  const series = (prefix: string) => names.filter((name) => name.startsWith(prefix)).length
  assert.ok(series('gantry_cri_requests_total') <= 82, String(series('gantry_cri_requests_total')))
  assert.ok(series('gantry_stage_duration_seconds_count') <= 121)
  assert.is(series('gantry_image_pulls_total'), 2)
  assert.ok(names.includes('gantry_cri_requests_total{service="RuntimeService",method="other",code="OK"}'))
})

test('a blocked event loop shows, to a second scraper too, and is forgotten after two windows', async (context) => {
  const worst = async () => (await scrape(context)).get('gantry_event_loop_delay_seconds{statistic="max"}') ?? -1
  await turnOfTheLoop()
  const until = performance.now() + 120
  while (performance.now() < until);
  await turnOfTheLoop()
  context.clockMs = 60_000
  const first = await worst()
  assert.ok(first > 0.06 && first < 1, `${first}`)
  assert.ok((await worst()) >= first)
  context.clockMs = 120_000
  assert.ok((await worst()) >= first)
  context.clockMs = 180_000
  assert.ok((await worst()) < first)
})

test("the daemon's own figures are those of this process", async (context) => {
  const values = await scrape(context)
  const resident = values.get('process_resident_memory_bytes') ?? 0
  assert.ok(Math.abs(resident - process.memoryUsage().rss) < 50e6, `${resident}`)
  assert.ok((values.get('process_cpu_seconds_total') ?? 0) > 0)
  assert.ok((values.get('process_open_fds') ?? 0) > 2)
  assert.ok((values.get('process_max_fds') ?? 0) >= (values.get('process_open_fds') ?? 0))
  assert.ok(Math.abs((values.get('process_start_time_seconds') ?? 0) - Date.now() / 1000) < 60)
  const again = await scrape(context)
  assert.ok((again.get('process_cpu_seconds_total') ?? 0) >= (values.get('process_cpu_seconds_total') ?? 0))
})

test('the build is told by labels', async (context) => {
  const labels = `version="1.2.3",revision="abc",node_version="${process.version}",arch="${process.arch}"`
  assert.is((await scrape(context)).get(`gantry_build_info{${labels}}`), 1)
})

test('after the end nothing is counted', async (context) => {
  context.end()
  publish('OomKilled', { containerId: 'c', podId: 'p' })
  assert.is((await scrape(context)).get('gantry_oom_kills_total'), 0)
})

/** The monitor of the loop ticks every 20 ms: two of its ticks. */
function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50))
}

test.run()
