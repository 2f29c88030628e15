// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/**
 * Writes what the chart has from elsewhere: alerts, dashboard, version. A chart can only contain files below itself.
 * With --check nothing is written, and the exit code is 1 where something differs.
 */

const ROOT = resolve(import.meta.dirname, '../..')
const CHART = join(import.meta.dirname, 'gantry')

const { version } = JSON.parse(read('package.json')) as { readonly version: string }
const chart = readFileSync(join(CHART, 'Chart.yaml'), 'utf8')
const wanted = new Map([
  ['files/alerts.yaml', read('metrics/rules/alerts.yaml')],
  ['files/dashboard.json', read('metrics/dashboards/gantry.json')],
  ['Chart.yaml', chart.replace(/^((?:appVersion|version): ).*$/gm, `$1${version}`)],
])

const differing = [...wanted].filter(([path, text]) => found(path) !== text)
if (process.argv.includes('--check')) process.exitCode = differing.length === 0 ? 0 : 1
else for (const [path, text] of differing) write(path, text)

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

function found(path: string): string | undefined {
  try {
    return readFileSync(join(CHART, path), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(CHART, path)), { recursive: true })
  writeFileSync(join(CHART, path), text)
}
