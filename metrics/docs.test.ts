// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { describeMetrics } from './describe-metrics.ts'
import { collectAll } from './index.ts'
import { MetricsRegistry } from './registry.ts'
import { METRICS } from './table.ts'

test('docs/metrics.md says what the table of metrics says (node metrics/write-docs.ts writes it)', () => {
  const written = readFileSync(new URL('../docs/metrics.md', import.meta.url), 'utf8')
  assert.is(written, describeMetrics())
})

test('every metric of the table is served from the first scrape on', async () => {
  const registry = new MetricsRegistry({ readTimeoutMs: 1_000, onReadError: () => undefined })
  const end = collectAll(registry, {
    build: { version: '0', revision: '' },
    population: () => ({ sandboxes: {}, containers: {}, keepers: 0 }),
    now: () => 0,
  })
  const { body } = await registry.scrape()
  end()
  const served = [...body.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1])
  assert.equal(served.sort(), Object.keys(METRICS).sort())
})

test.run()
