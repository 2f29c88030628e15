// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Check } from './check.ts'
import { rowsOf, testProblems, titlesIn } from './documented-fields.ts'

const PAGE = 'docs/security.md'

export const securityDocs: Check = {
  name: `${PAGE} names a test that is there for every escape`,
  findProblems: async (root) => {
    const rows = rowsOf(await readFile(join(root, PAGE), 'utf8'))
    const odd = rows
      .filter(({ name }) => !/^CVE-\d{4}-\d{4,}$/.test(name))
      .map(({ name }) => `${PAGE}: ${name} is no CVE`)
    const none = rows.length === 0 ? [`${PAGE} has no rows`] : []
    return [...none, ...odd, ...(await testProblems(PAGE, rows, titlesIn(root)))]
  },
}
