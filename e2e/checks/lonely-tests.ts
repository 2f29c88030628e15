// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Check } from './check.ts'
import { isTest, listFiles } from './source-tree.ts'

// Written so that it does not find itself.
const LONELY = /^\s*test\s*\.only\s*\(/m

export const lonelyTests: Check = {
  name: 'no test runs alone and hides its neighbours',
  findProblems: async (root) => {
    const tests = (await listFiles(root)).filter(isTest)
    const texts = await Promise.all(
      tests.map(async (path) => ({ path, text: await readFile(join(root, path), 'utf8') })),
    )
    return texts
      .filter(({ text }) => LONELY.test(text))
      .map(({ path }) => `${path}: a test is marked as the only one to run`)
  },
}
