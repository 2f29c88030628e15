// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MetricsRegistry } from './registry.ts'

function registryWith(readTimeoutMs: number): { registry: MetricsRegistry; errors: string[] } {
  const errors: string[] = []
  const registry = new MetricsRegistry({ readTimeoutMs, onReadError: (error) => errors.push(error.message) })
  return { registry, errors }
}

test('a reader that fails spoils no other metric, and the scrape counts it', async () => {
  const { registry, errors } = registryWith(1_000)
  registry.onScrape('broken', () => {
    throw new Error('disk on fire')
  })
  registry.onScrape('sound', () => registry.gauge('gantry_keepers').set(7))
  registry.counter('gantry_metrics_scrape_errors_total')
  const { body } = await registry.scrape()
  assert.match(body, 'gantry_keepers 7')
  assert.match(body, 'gantry_metrics_scrape_errors_total{collector="broken"} 1')
  assert.equal(errors, ['read metrics of "broken": disk on fire'])
})

test('a reader that hangs delays a scrape by its deadline only, and is not started a second time', async () => {
  const { registry, errors } = registryWith(20)
  let starts = 0
  registry.onScrape('stuck', () => {
    starts++
    return new Promise(() => undefined)
  })
  registry.onScrape('sound', () => registry.gauge('gantry_keepers').set(1))
  await registry.scrape()
  const { body } = await registry.scrape()
  assert.match(body, 'gantry_keepers 1')
  assert.is(starts, 1)
  assert.equal(errors, Array(2).fill('read metrics of "stuck": no answer in 20 ms'))
})

test('scrapes at the same time share one reading', async () => {
  const { registry } = registryWith(1_000)
  let readings = 0
  registry.onScrape('counted', async () => {
    readings++
  })
  const bodies = await Promise.all([registry.scrape(), registry.scrape(), registry.scrape()])
  assert.is(readings, 1)
  assert.is(new Set(bodies).size, 1)
  await registry.scrape()
  assert.is(readings, 2)
})

test('asking twice for a metric gives the same one', () => {
  const { registry } = registryWith(1_000)
  assert.is(registry.counter('gantry_oom_kills_total'), registry.counter('gantry_oom_kills_total'))
})

test.run()
