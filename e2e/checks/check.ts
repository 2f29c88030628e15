// SPDX-License-Identifier: Apache-2.0

/** A rule of the house that is a program: `npm run check` and the tests run all of them. */
export interface Check {
  /** The rule as a sentence. */
  readonly name: string
  /** Looks at the repository at `root`; one line for each breach, empty where the rule holds. */
  findProblems(root: string): Promise<string[]>
}
