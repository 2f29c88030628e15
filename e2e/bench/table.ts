// SPDX-License-Identifier: Apache-2.0
import type { PeerName } from './options.ts'
import type { Figure, Row } from './samples.ts'

/**
 * The rows as one aligned table. The last column is how many times better Gantry is, where both were measured: above 1
 * it is faster, smaller, or does more.
 */
export function renderTable(rows: readonly Row[], peers: readonly PeerName[]): string {
  const head = ['', ...peers.flatMap((peer) => [`${peer} p50`, 'p95'])]
  const compare = peers.includes('gantry') && peers.includes('containerd')
  if (compare) head.push('ratio')
  const lines = rows.map((row) => {
    const cells = peers.flatMap((peer) => figureCells(row, row.figures[peer]))
    return [`${row.name} [${row.unit}]`, ...cells, ...(compare ? [ratioCell(row)] : [])]
  })
  return align([head, ...lines])
}

/** How many times better Gantry is, or undefined where one of the two is missing. */
export function ratioOf({ unit, figures: { gantry, containerd } }: Row): number | undefined {
  if (gantry === undefined || containerd === undefined) return undefined
  return unit === '/s' ? gantry.p50 / containerd.p50 : containerd.p50 / gantry.p50
}

function figureCells(row: Row, figure: Figure | undefined): [string, string] {
  if (figure === undefined) return ['–', '–']
  return [number(figure.p50), figure.p95 === undefined || row.unit === '/s' ? '' : number(figure.p95)]
}

function ratioCell(row: Row): string {
  const ratio = ratioOf(row)
  return ratio === undefined || !Number.isFinite(ratio) ? '–' : `${number(ratio)}×`
}

/** Three digits that count. */
function number(value: number): string {
  if (Math.abs(value) >= 100) return value.toFixed(0)
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2)
}

function align(lines: readonly (readonly string[])[]): string {
  const columns = lines[0]?.length ?? 0
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  )
  const padded = lines.map((line) =>
    line.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))),
  )
  return `${padded.map((cells) => cells.join('  ').trimEnd()).join('\n')}\n`
}
