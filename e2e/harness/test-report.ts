// SPDX-License-Identifier: Apache-2.0
import { addCounts, type Counts, NO_TESTS } from './test-counts.ts'
import type { SuiteName } from './test-suites.ts'

/** The result of one test file, check or tool. */
export interface Result {
  readonly suite: SuiteName
  readonly name: string
  readonly counts: Counts
  readonly seconds: number
  /** What a person needs to see where it failed. */
  readonly failure?: string
  /** Why tests were skipped, where the runner did it. */
  readonly remark?: string
}

const RULE = '─'.repeat(100)

/** One line as soon as a result is there. */
export function progressLine({ name, counts, seconds, remark }: Result): string {
  const mark = counts.failed > 0 ? '✗' : counts.passed > 0 ? '✓' : '-'
  const notes = [
    counts.failed > 0 ? `${counts.failed} failed` : '',
    counts.skipped > 0 ? `${counts.skipped} skipped` : '',
  ]
  const tail = [...notes, remark ?? ''].filter((note) => note !== '').join(', ')
  return `${mark} ${name}  ${counts.passed} passed${tail === '' ? '' : `, ${tail}`}  ${seconds.toFixed(1)} s`
}

/** Failures in full, a table of the suites, and as last line the totals: `N passed, N failed[, N skipped]`. */
export function finalReport(results: readonly Result[]): string {
  const failures = results.flatMap(({ name, failure }) =>
    failure === undefined ? [] : [`${RULE}\n✗ ${name}\n\n${failure.trimEnd()}\n`],
  )
  return [...failures, ...(failures.length > 0 ? [RULE] : []), '', suiteTable(results), '', totalsLine(results)].join(
    '\n',
  )
}

/** `12 passed, 0 failed`, with `, 3 skipped` where any were. */
export function totalsLine(results: readonly Result[]): string {
  const { passed, failed, skipped } = sumOf(results)
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

/** The sum over results. */
export function sumOf(results: readonly Result[]): Counts {
  return results.map(({ counts }) => counts).reduce(addCounts, NO_TESTS)
}

function suiteTable(results: readonly Result[]): string {
  const names = [...new Set(results.map(({ suite }) => suite))]
  const rows = names.map((suite) => {
    const own = results.filter((result) => result.suite === suite)
    const { passed, failed, skipped } = sumOf(own)
    const seconds = own.reduce((sum, result) => sum + result.seconds, 0)
    return [suite, own.length, passed, failed, skipped, `${seconds.toFixed(1)} s`].map(String)
  })
  return [['suite', 'files', 'passed', 'failed', 'skipped', 'time'], ...rows].map(tableRow).join('\n')
}

function tableRow([name = '', ...cells]: readonly string[]): string {
  return [name.padEnd(8), ...cells.map((cell) => cell.padStart(9))].join('')
}
