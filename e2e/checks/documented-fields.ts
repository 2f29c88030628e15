// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Pages that say of each field of an interface what becomes of it, and which test shows it: docs/cri.md, docs/oci.md. */

/** A row that begins so says why there is nothing to show; any other names its test. */
const WITHOUT_TEST = /^(?:not for Linux|refused|not used): \S.{9,}/

/** One row of a table: what it is about, below which heading, what happens, and the test that shows it. */
export interface Row {
  readonly heading: string
  readonly name: string
  readonly fate: string
  readonly shown: string
}

/** The rows of all tables whose first cell is one name in backquotes; headings are names in backquotes too. */
export function rowsOf(page: string): Row[] {
  let heading = ''
  return page.split('\n').flatMap((line) => {
    heading = /^#+ `([^`]+)`/.exec(line)?.[1] ?? (line.startsWith('#') ? '' : heading)
    const [, name, fate, shown] = /^\| `([^`]+)` \| (.*?) \| (.*?) \|$/.exec(line) ?? []
    return heading === '' || name === undefined || fate === undefined || shown === undefined
      ? []
      : [{ heading, name, fate, shown }]
  })
}

/** The paragraphs that begin with what they are about, in bold: the tests they name end them. */
export function paragraphsOf(page: string): Row[] {
  return page.split('\n\n').flatMap((text) => {
    const paragraph = text.replaceAll('\n', ' ').trim()
    const [, name] = /^\*\*(.+?)\*\*/.exec(paragraph) ?? []
    return name === undefined ? [] : [{ heading: 'paragraph', name, fate: '', shown: paragraph }]
  })
}

/** Rows that are missing, that come twice, and that are of nothing. */
export function coverageProblems(page: string, expected: readonly string[], rows: readonly Row[]): string[] {
  const present = rows.map(({ heading, name }) => `${heading} ${name}`)
  return [
    ...expected.filter((key) => !present.includes(key)).map((key) => `${page} has no row for ${key}`),
    ...present
      .filter((key) => !expected.includes(key))
      .map((key) => `${page} has a row for ${key}, which is not there`),
    ...present.filter((key, index) => present.indexOf(key) !== index).map((key) => `${page} has ${key} twice`),
  ]
}

/** Rows without a test or a reason, and tests that are not where the page says. */
export async function testProblems(
  page: string,
  rows: readonly Row[],
  titles: (file: string) => Promise<readonly string[]>,
): Promise<string[]> {
  const known = new Map<string, Promise<readonly string[]>>()
  const problems = rows.map(async ({ heading, name, fate, shown }) => {
    const where = `${page}: ${heading} ${name}`
    if (shown === '–') return WITHOUT_TEST.test(fate) ? [] : [`${where} names no test and gives no reason`]
    const named = [...shown.matchAll(/`([\w./-]+\.test\.ts)`: ([^;]+)/g)]
    if (named.length === 0) return [`${where} names no test: expected \`file.test.ts\`: part of its name`]
    const missing = named.map(async ([, file = '', part = '']) => {
      const found = known.get(file) ?? titles(file)
      known.set(file, found)
      return (await found).some((title) => title.includes(part.trim()))
        ? []
        : [`${where}: ${file} has no test "${part.trim()}"`]
    })
    return (await Promise.all(missing)).flat()
  })
  return (await Promise.all(problems)).flat()
}

/** {@link titlesOf} a file of the repository at `root`; a file that is not there has none. */
export function titlesIn(root: string): (file: string) => Promise<readonly string[]> {
  return async (file) => titlesOf(await readFile(join(root, file), 'utf8').catch(() => ''))
}

/** The names of the tests of a file, as they stand in the source. */
export function titlesOf(source: string): string[] {
  const calls = source.matchAll(/\b(?:test|own|\w+Test)\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/gs)
  return [...calls].map(([, , title = '']) => title)
}
