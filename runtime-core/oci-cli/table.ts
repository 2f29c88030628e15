// SPDX-License-Identifier: Apache-2.0

const MIN_WIDTH = 12
const GAP = 3

/** Rows in columns, each as wide as its widest cell and a gap, and not narrower than runc has them. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(MIN_WIDTH, ...rows.map((row) => (row[column] ?? '').length + GAP)),
  )
  return rows
    .map(
      (row) =>
        `${row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('')}\n`,
    )
    .join('')
}
