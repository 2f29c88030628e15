// SPDX-License-Identifier: Apache-2.0

/** How many tests ended how. */
export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export const NO_TESTS: Counts = { passed: 0, failed: 0, skipped: 0 }

/** How a process ended. */
export interface Ending {
  /** Null when a signal ended it. */
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  /** It did not end within its time and was killed. */
  readonly timedOut: boolean
}

/** What a test file's run amounts to; `problem` says why it failed where no test of it did. */
export interface Verdict {
  readonly counts: Counts
  readonly problem?: string
}

const TOTALS = /^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)$/gm

/**
 * Reads uvu's totals from what a test file printed. A file that says nothing, tests nothing, dies or hangs has failed,
 * whatever else it printed: such a run proves nothing. Neither may a failure that uvu forgets in its exit code pass
 * (it swallows what a `before` hook throws).
 */
export function judgeRun(output: string, ending: Ending): Verdict {
  const totals = [...output.matchAll(TOTALS)].map(readTotals)
  const counts = totals.reduce(addCounts, NO_TESTS)
  if (counts.failed > 0) return { counts }
  const problem = problemOf(counts, ending, totals.length > 0)
  return problem === undefined ? { counts } : { counts: addCounts(counts, { ...NO_TESTS, failed: 1 }), problem }
}

/** The sum of two counts. */
export function addCounts(a: Counts, b: Counts): Counts {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }
}

function readTotals([, total, passed, skipped]: RegExpExecArray): Counts {
  return { passed: Number(passed), failed: Number(total) - Number(passed), skipped: Number(skipped) }
}

function problemOf(counts: Counts, { exitCode, signal, timedOut }: Ending, hasTotals: boolean): string | undefined {
  if (timedOut) return 'did not end in time and was killed'
  if (signal !== null) return `was ended by ${signal}`
  if (exitCode !== 0) return `ended with exit code ${exitCode}`
  // Also where a promise never settles: Node then just ends.
  if (!hasTotals) return 'ended before its tests did'
  return counts.passed + counts.skipped === 0 ? 'has no tests' : undefined
}
