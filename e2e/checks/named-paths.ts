// SPDX-License-Identifier: Apache-2.0
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Check } from './check.ts'

const PAGES = ['README.md', 'ARCHITECTURE.md', 'SCOPE.md', 'CONTRIBUTING.md']
/** Something in backquotes, or a link's target, that begins like a path of ours. */
const NAMED = /(?:`|\]\()((?:bin|cri-proto|deploy|docs|e2e|metrics|runtime-core|shim)\/[\w./-]+|[A-Z]+\.md)(?=`|\))/g

export const namedPaths: Check = {
  name: 'every path that the pages at the top name exists',
  findProblems: async (root) => {
    const named = await Promise.all(
      PAGES.map(async (page) => pathsOf(await readFile(join(root, page), 'utf8')).map((path) => ({ page, path }))),
    )
    const checked = named
      .flat()
      .map(async ({ page, path }) => ((await exists(join(root, path))) ? [] : [`${page} names ${path}`]))
    return (await Promise.all(checked)).flat()
  },
}

/** The paths that a page names, each once. */
export function pathsOf(page: string): string[] {
  return [...new Set([...page.matchAll(NAMED)].map(([, path = '']) => path))]
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
