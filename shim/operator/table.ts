// SPDX-License-Identifier: Apache-2.0

/** One column: its heading and how a row is shown in it. */
export interface Column<Row> {
  readonly title: string
  readonly show: (row: Row) => string
}

const GAP = '   '

/**
 * Rows as text, columns as wide as their widest value, no blanks at line ends. Control characters are shown escaped:
 * names come from whoever made the pod, and a terminal would obey them. An empty value is shown as `-`.
 */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ show }) => visible(show(row))))]
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => line[index]?.length ?? 0)))
  const lines = cells.map((line) =>
    line
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join(GAP)
      .trimEnd(),
  )
  return `${lines.join('\n')}\n`
}

/** Text that a terminal shows and does not obey. */
export function visible(text: string): string {
  if (text === '') return '-'
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
  })
}
