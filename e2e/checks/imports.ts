// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import { listFiles } from './source-tree.ts'

/** One import of a file of ours by another, both by their path from the root. */
export interface Import {
  readonly from: string
  readonly to: string
}

// Static and dynamic imports and re-exports as the formatter writes them, types too: they also say who knows whom.
const SPECIFIER =
  /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?\bfrom\s*'([^']+)'|(?:^|\n)import\s*'([^']+)'|\bimport\(\s*'([^']+)'/g
const LINE_COMMENT = /^\s*(?:\/\/|\*|\/\*).*$/gm
const OWN_PACKAGE = /^@gantry\/([^/]+)(?:\/(.+))?$/

/** The specifiers that a module's text imports. */
export function specifiersOf(source: string): string[] {
  const matches = source.replace(LINE_COMMENT, '').matchAll(SPECIFIER)
  return [...matches].map((match) => match[1] ?? match[2] ?? match[3] ?? '')
}

/** All imports between files of the repository. */
export async function readImports(root: string): Promise<Import[]> {
  const modules = (await listFiles(root)).filter((path) => /\.(ts|js)$/.test(path))
  const read = async (from: string): Promise<Import[]> => {
    const specifiers = specifiersOf(await readFile(join(root, from), 'utf8'))
    return specifiers
      .map((specifier) => resolveOwn(from, specifier))
      .flatMap((to) => (to === undefined ? [] : [{ from, to }]))
  }
  return (await Promise.all(modules.map(read))).flat()
}

function resolveOwn(from: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return normalize(join(dirname(from), specifier))
  const [, workspace, file] = OWN_PACKAGE.exec(specifier) ?? []
  return workspace === undefined ? undefined : `${workspace}/${file ?? 'index.ts'}`
}
