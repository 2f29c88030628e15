// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Check } from './check.ts'
import { listFiles } from './source-tree.ts'

/** In a file longer than this a second subject is hiding. */
const MAX_LINES = 500
const SOURCE = /\.(ts|js|c|h|sh|go)$/
/** Generated files, and tables that are one long list of one kind. */
const EXEMPT = /(^|\/)generated\/|\.gen\.h$/

export const fileLength: Check = {
  name: `no source file is longer than ${MAX_LINES} lines`,
  findProblems: async (root) => {
    const sources = (await listFiles(root)).filter((path) => SOURCE.test(path) && !EXEMPT.test(path))
    const lengths = await Promise.all(
      sources.map(async (path) => ({ path, lines: (await readFile(join(root, path), 'utf8')).split('\n').length - 1 })),
    )
    return lengths.filter(({ lines }) => lines > MAX_LINES).map(({ path, lines }) => `${path}: ${lines} lines`)
  },
}
