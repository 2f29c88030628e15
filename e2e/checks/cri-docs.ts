// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Check } from './check.ts'
import { coverageProblems, paragraphsOf, rowsOf, testProblems, titlesIn } from './documented-fields.ts'

const PAGE = 'docs/cri.md'
const FACTS = 'cri-proto/facts/cri-v1.json'

interface Facts {
  readonly services: Readonly<Record<string, readonly { readonly name: string; readonly request: string }[]>>
  readonly messages: Readonly<
    Record<string, { readonly fields: readonly { readonly name: string; readonly type: string }[] }>
  >
}

export const criDocs: Check = {
  name: `${PAGE} tells the fate of every RPC and every field of a request, and names tests that are there`,
  findProblems: async (root) => {
    const facts = JSON.parse(await readFile(join(root, FACTS), 'utf8')) as Facts
    const page = await readFile(join(root, PAGE), 'utf8')
    const rows = rowsOf(page)
    const named = [...rows, ...paragraphsOf(page)]
    return [...coverageProblems(PAGE, expectedRows(facts), rows), ...(await testProblems(PAGE, named, titlesIn(root)))]
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
