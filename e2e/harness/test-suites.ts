// SPDX-License-Identifier: Apache-2.0
import { listFiles } from '../checks/source-tree.ts'

/** What is run, in this order: the cheap first. `static` is type check, lint and the checks. */
export const SUITES = ['static', 'unit', 'root', 'e2e'] as const

export type SuiteName = (typeof SUITES)[number]

/** A suite that consists of test files. */
export type FileSuite = Exclude<SuiteName, 'static'>

interface SuiteRules {
  readonly ending: string
  /** Files that run at the same time. What changes the host runs alone, so that a leak has one owner. */
  readonly concurrency: number
  readonly needsRoot: boolean
  readonly timeoutMs: number
}

/** How each suite's files are told and run; the first whose ending fits has a file. */
export const FILE_SUITES: Readonly<Record<FileSuite, SuiteRules>> = {
  root: { ending: '.root.test.ts', concurrency: 1, needsRoot: true, timeoutMs: 900_000 },
  e2e: { ending: '.e2e.test.ts', concurrency: 1, needsRoot: true, timeoutMs: 1_200_000 },
  unit: { ending: '.test.ts', concurrency: 2, needsRoot: false, timeoutMs: 120_000 },
}

/** The suite that a path belongs to; undefined where it is no test. */
export function suiteOf(path: string): FileSuite | undefined {
  const names = Object.keys(FILE_SUITES) as FileSuite[]
  return names.find((name) => path.endsWith(FILE_SUITES[name].ending))
}

export interface TestSelection {
  readonly filter?: string | undefined
  readonly except?: string | undefined
}

/** The test files of a suite whose paths contain `filter` and do not contain `except`. */
export async function findTests(suite: FileSuite, { filter = '', except }: TestSelection = {}): Promise<string[]> {
  const isChosen = (path: string) => path.includes(filter) && (except === undefined || !path.includes(except))
  return (await listFiles()).filter((path) => suiteOf(path) === suite && isChosen(path))
}
