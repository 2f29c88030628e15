// SPDX-License-Identifier: Apache-2.0
import { METRICS, type MetricDefinition } from './table.ts'

/** The text of docs/metrics.md, made from the table of metrics. */
export function describeMetrics(): string {
  const rows = Object.entries<MetricDefinition>(METRICS).map(
    ([name, { type, labels, help }]) => `| \`${name}\` | ${type} | ${labels.map(code).join(', ')} | ${help} |`,
  )
  return `${[...HEAD, ...rows].join('\n')}\n`
}

const HEAD = [
  '<!-- Made by `node metrics/write-docs.ts` from metrics/table.ts. Change it there. -->',
  '# Metrics',
  '',
  'gantryd serves these at `http://127.0.0.1:9580/metrics` (flag `--metrics-listen`: `HOST:PORT`, `unix:PATH`, or empty for',
  'none) in the text format of Prometheus, and at `/v1/metrics`, where containerd has them. `/healthz` answers 200, or 503 with the',
  'reason. Times are in seconds, sizes in bytes. No label takes its values from users: a value outside the known set reads `other`.',
  '',
  '| name | type | labels | what |',
  '| --- | --- | --- | --- |',
]

function code(text: string): string {
  return `\`${text}\``
}
