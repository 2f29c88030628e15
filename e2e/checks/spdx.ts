// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Check } from './check.ts'
import { listFiles } from './source-tree.ts'

const LINE = 'SPDX-License-Identifier: Apache-2.0'
const SOURCE = /\.(ts|js|c|h|sh|go|proto)$|^bin\/|^\.ci\//
// What the Go command writes keeps its own form.
const EXEMPT = /(^|\/)go\.(mod|sum)$/

export const spdxLines: Check = {
  name: 'every source file names its license',
  findProblems: async (root) => {
    const sources = (await listFiles(root)).filter((path) => SOURCE.test(path) && !EXEMPT.test(path))
    const texts = await Promise.all(
      sources.map(async (path) => ({ path, text: await readFile(join(root, path), 'utf8') })),
    )
    return texts.filter(({ text }) => !namesLicense(text)).map(({ path }) => `${path}: the first line is not "${LINE}"`)
  },
}

/** True where the license stands in the first line, or in the second below `#!`. */
export function namesLicense(text: string): boolean {
  const [first = '', second = ''] = text.split('\n', 2)
  return (first.startsWith('#!') ? second : first).includes(LINE)
}
