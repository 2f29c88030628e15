// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Check } from './check.ts'

const PAGE = 'docs/cri.md'
const FACTS = 'cri-proto/facts/cri-v1.json'
/** A row that begins so says why there is nothing to show; any other names its test. */
const WITHOUT_TEST = /^(?:not for Linux|refused|not used): \S.{9,}/

interface Facts {
  readonly services: Readonly<Record<string, readonly { readonly name: string; readonly request: string }[]>>
  readonly messages: Readonly<
    Record<string, { readonly fields: readonly { readonly name: string; readonly type: string }[] }>
  >
}

/** One row of a table: what it is about, below which heading, what happens, and the test that shows it. */
export interface Row {
  readonly heading: string
  readonly name: string
  readonly fate: string
  readonly shown: string
}

export const criDocs: Check = {
  name: `${PAGE} tells the fate of every RPC and every field of a request, and names tests that are there`,
  findProblems: async (root) => {
    const facts = JSON.parse(await readFile(join(root, FACTS), 'utf8')) as Facts
    const page = await readFile(join(root, PAGE), 'utf8')
    const rows = rowsOf(page)
    const titles = async (file: string) => titlesOf(await readFile(join(root, file), 'utf8').catch(() => ''))
    const named = [...rows, ...paragraphsOf(page)]
    return [...coverageProblems(expectedRows(facts), rows), ...(await testProblems(named, titles))]
  },
}

/** Heading and name of each row there has to be: the RPCs by service, the fields by message. */
export function expectedRows({ services, messages }: Facts): string[] {
  const rpcs = Object.entries(services).flatMap(([service, list]) => list.map(({ name }) => `${service} ${name}`))
  const reached = new Set<string>()
  const visit = (message: string): void => {
    if (reached.has(message) || messages[message] === undefined) return
    reached.add(message)
    for (const { type } of messages[message].fields) visit(type)
  }
  for (const { request } of Object.values(services).flat()) visit(request)
  const fields = [...reached].flatMap((message) =>
    (messages[message]?.fields ?? []).map(({ name }) => `${message} ${name}`),
  )
  return [...rpcs, ...fields]
}

/** The rows of all tables whose first cell is one name in backquotes; headings are names in backquotes too. */
export function rowsOf(page: string): Row[] {
  let heading = ''
  return page.split('\n').flatMap((line) => {
    heading = /^#+ `(\w+)`/.exec(line)?.[1] ?? (line.startsWith('#') ? '' : heading)
    const [, name, fate, shown] = /^\| `(\w+)` \| (.*?) \| (.*?) \|$/.exec(line) ?? []
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
export function coverageProblems(expected: readonly string[], rows: readonly Row[]): string[] {
  const present = rows.map(({ heading, name }) => `${heading} ${name}`)
  return [
    ...expected.filter((key) => !present.includes(key)).map((key) => `${PAGE} has no row for ${key}`),
    ...present
      .filter((key) => !expected.includes(key))
      .map((key) => `${PAGE} has a row for ${key}, which is not there`),
    ...present.filter((key, index) => present.indexOf(key) !== index).map((key) => `${PAGE} has ${key} twice`),
  ]
}

/** Rows without a test or a reason, and tests that are not where the page says. */
export async function testProblems(
  rows: readonly Row[],
  titles: (file: string) => Promise<readonly string[]>,
): Promise<string[]> {
  const known = new Map<string, Promise<readonly string[]>>()
  const problems = rows.map(async ({ heading, name, fate, shown }) => {
    const where = `${PAGE}: ${heading} ${name}`
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

/** The names of the tests of a file, as they stand in the source. */
export function titlesOf(source: string): string[] {
  const calls = source.matchAll(/\b(?:test|own|\w+Test)\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/gs)
  return [...calls].map(([, , title = '']) => title)
}
