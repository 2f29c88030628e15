// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { quantile, Samples } from './samples.ts'
import { ratioOf, renderTable } from './table.ts'

test('quantiles are values that were measured', () => {
  const values = [5, 1, 4, 2, 3]
  assert.is(quantile(values, 0.5), 3)
  assert.is(quantile(values, 0.95), 5)
  assert.is(quantile([7], 0.5), 7)
})

test('a call that fails is no sample, and its error says what was measured', async () => {
  const samples = new Samples()
  const failure = samples.time('StartContainer', 'gantry', () => Promise.reject(new Error('no')))
  await failure.then(
    () => assert.unreachable(),
    (error) => assert.is(error.message, 'measure StartContainer of "gantry": no'),
  )
  assert.equal(samples.rows(), [])
})

test('the ratio is above one where Gantry is better, for times and for rates', () => {
  const samples = new Samples()
  samples.add('start', 'ms', 'containerd', 60)
  samples.add('start', 'ms', 'gantry', 3)
  samples.add('execs', '/s', 'containerd', 40)
  samples.add('execs', '/s', 'gantry', 600)
  assert.equal(samples.rows().map(ratioOf), [20, 15])
})

test('the table has one line a row, and a dash where a peer was not measured', () => {
  const samples = new Samples()
  for (const value of [60, 64, 80]) samples.add('StartContainer', 'ms', 'containerd', value)
  for (const value of [2, 2.5, 3]) samples.add('StartContainer', 'ms', 'gantry', value)
  samples.add('at rest', 'MB', 'containerd', 43.4)
  const expected = [
    '                     gantry p50   p95  containerd p50   p95  ratio',
    'StartContainer [ms]        2.50  3.00            64.0  80.0  25.6×',
    'at rest [MB]                  –     –            43.4            –',
    '',
  ]
  assert.is(renderTable(samples.rows(), ['gantry', 'containerd']), expected.join('\n'))
})

test.run()
