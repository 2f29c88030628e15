// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../runtime-core/errors.ts'
import { formatResults, hasNewFailures, readGinkgoReport, resultDifferences } from './ginkgo-report.ts'

const spec = (text: string, State: string, Message = '', LeafNodeType = 'It'): object => ({
  ContainerHierarchyTexts: ['[k8s.io] Container', 'runtime'],
  LeafNodeText: text,
  LeafNodeType,
  State,
  RunTime: 2_000_000_000,
  ...(Message === '' ? {} : { Failure: { Message } }),
})
const REPORT = JSON.stringify([
  {
    SpecReports: [
      spec('works', 'passed'),
      spec('breaks', 'failed', 'not found\n\n  Unexpected error:\n <*status.Error>'),
      spec(
        'is refused',
        'failed',
        'Unexpected error:\n    <*status.Error | 0xebf>: \n    rpc error: busy\n    {\n  s: {} }',
      ),
      spec('hangs', 'timedout', 'A suite timeout occurred'),
      spec('needs AppArmor', 'skipped', 'AppArmor is disabled on this host'),
      spec('benchmark', 'skipped'),
      spec('', 'passed', '', 'BeforeSuite'),
    ],
  },
])

test('a report becomes one result per spec that ran or said why not', () => {
  const results = readGinkgoReport(REPORT)
  assert.equal(
    results.map(({ name, outcome, cause }) => [name, outcome, cause]),
    [
      ['[k8s.io] Container runtime breaks', 'failed', 'not found'],
      ['[k8s.io] Container runtime hangs', 'failed', 'A suite timeout occurred'],
      ['[k8s.io] Container runtime is refused', 'failed', 'rpc error: busy'],
      ['[k8s.io] Container runtime needs AppArmor', 'skipped', 'AppArmor is disabled on this host'],
      ['[k8s.io] Container runtime works', 'passed', ''],
    ],
  )
})

test('a failure that is known is no new failure, and its topic is printed', () => {
  const results = readGinkgoReport(REPORT)
  const known = {
    '[k8s.io] Container runtime breaks': { cause: 'no streaming server yet', topic: 'streaming' },
    '[k8s.io] Container runtime is refused': { cause: 'busy', topic: 'x' },
    '[k8s.io] Container runtime hangs': { cause: 'no pause', topic: 'pause' },
    '[k8s.io] Container runtime works': { cause: 'was broken', topic: 'old' },
  }
  assert.is(hasNewFailures(results, {}), true)
  assert.is(hasNewFailures(results, known), false)
  const text = formatResults(results, known)
  assert.match(text, 'streaming: no streaming server yet')
  assert.match(text, 'passed, though listed as known not to:\n  [k8s.io] Container runtime works')
  assert.match(text, 'passed 1, failed 3, skipped 1 (10 s)')
})

test('what is not a report is refused', () => {
  for (const text of ['', '{}', '[']) {
    assert.throws(
      () => readGinkgoReport(text),
      (error: unknown) => hasCode(error, 'invalid_argument'),
    )
  }
})

test('two runs are compared spec by spec', () => {
  const first = readGinkgoReport(REPORT)
  assert.equal(resultDifferences(first, first), [])
  const second = first
    .filter(({ name }) => !name.includes('hangs'))
    .map((result) =>
      result.name.includes('works') ? { ...result, outcome: 'failed' as const, cause: 'lost' } : result,
    )
  assert.equal(resultDifferences(first, second), [
    '[k8s.io] Container runtime hangs: failed, then not run: A suite timeout occurred',
    '[k8s.io] Container runtime works: passed, then failed: lost',
  ])
})

test.run()
