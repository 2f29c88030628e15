// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { latencyBetween, readHistograms } from './runtime-operations.ts'

const text = (fast: number, all: number, sum: number): string => `# TYPE d histogram
d_bucket{operation_type="start",le="0.005"} ${fast}
d_bucket{operation_type="start",le="0.0125"} ${all}
d_bucket{operation_type="start",le="+Inf"} ${all}
d_sum{operation_type="start"} ${sum}
d_count{operation_type="start"} ${all}
other_count{operation_type="start"} 7
`

test('what happened between two readings is told, not what was before', () => {
  const [before, after] = [text(100, 100, 0.4), text(104, 110, 0.46)].map((at) =>
    readHistograms(at, 'd', 'operation_type'),
  )
  assert.ok(before !== undefined && after !== undefined)
  const latency = latencyBetween(before, after, 'start')
  assert.is(latency?.count, 10)
  assert.is(latency?.meanMs.toFixed(3), '6.000')
  assert.is(latency?.p95BelowMs, 12.5)
  assert.is(latencyBetween(after, after, 'start'), undefined)
  assert.is(latencyBetween(before, after, 'stop'), undefined)
})

test('all that is known is told where there was nothing before', () => {
  const after = readHistograms(text(10, 10, 0.02), 'd', 'operation_type')
  assert.equal(latencyBetween(new Map(), after, 'start'), { count: 10, meanMs: 2, p95BelowMs: 5 })
})

test.run()
