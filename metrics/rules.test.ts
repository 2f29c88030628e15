// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { METRICS } from './table.ts'

/** Alert rules and dashboard are about metrics that exist, and alerts fire when they should. */

const RULES = join(import.meta.dirname, 'rules/alerts.yaml')
const DASHBOARD = join(import.meta.dirname, 'dashboards/gantry.json')
/** Names as they stand in expressions; those of the agent are served by deploy/agent/. */
const NAMED = /\b((?:gantry|process|nodejs)_[a-z0-9_]+)\b/g

/** Names of metrics in expressions that the daemon does not serve. */
function unknownIn(expressions: readonly string[]): string[] {
  const names = expressions.flatMap((text) => [...text.matchAll(NAMED)].map(([, name = '']) => name))
  const plain = names.map((name) => name.replace(/_(bucket|count|sum)$/, ''))
  return [...new Set(plain)].filter((name) => !(name in METRICS) && !name.startsWith('gantry_agent_'))
}

test('every alert is about metrics that are served', () => {
  const text = readFileSync(RULES, 'utf8')
  const expressions = [...text.matchAll(/^ +expr: (\|\n(?: {10,}.*\n)+|.*)/gm)].map(([, expression = '']) => expression)
  assert.is(expressions.length, text.match(/- alert:/g)?.length)
  assert.equal(unknownIn(expressions), [])
})

test('every panel of the dashboard is about metrics that are served', () => {
  const { panels } = JSON.parse(readFileSync(DASHBOARD, 'utf8'))
  const expressions = panels.flatMap(({ targets }: { targets: { expr: string }[] }) => targets.map(({ expr }) => expr))
  assert.ok(expressions.length > 10)
  assert.equal(unknownIn(expressions), [])
})

test('no two panels of the dashboard lie upon each other', () => {
  const { panels } = JSON.parse(readFileSync(DASHBOARD, 'utf8'))
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }: { gridPos: Record<'x' | 'y' | 'w' | 'h', number> }) =>
    Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
  )
  assert.is(new Set(cells).size, cells.length)
})

test('alerts fire where they should, and where they should not they do not', () => {
  execFileSync('promtool', ['check', 'rules', '--lint-fatal', RULES], { stdio: 'pipe' })
  execFileSync('promtool', ['test', 'rules', join(import.meta.dirname, 'rules/alerts.test.yaml')], { stdio: 'pipe' })
})

test.run()
