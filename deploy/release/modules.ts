// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import { GantryError } from '../../runtime-core/errors.ts'

/** What programs load, found by following their imports. */
export interface Modules {
  /** Files of ours, by their path from the root, sorted. */
  readonly files: readonly string[]
  /** npm packages that they import by name, sorted. */
  readonly packages: readonly string[]
}

// Static and dynamic imports and re-exports as the formatter writes them, but for those of types alone, which Node
// strips; and what is found beside a module: a child program, a package.json.
const SPECIFIER =
  /(?:^|\n)\s*(?:import|export)\b(?!\s+type\b)[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|(?:^|\n)import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]|\bnew URL\(\s*['"]([^'"]+)['"],\s*import\.meta\.url/g
const LINE_COMMENT = /^\s*(?:\/\/|\*|\/\*).*$/gm
const MODULE = /\.(ts|js|mjs)$/

/**
 * Follows imports from `entries`. Built files, which stand in no repository, are `built`: they are taken as they are.
 *
 * @throws GantryError `not_found` for an import of a file that is not there.
 */
export async function findModules(
  root: string,
  entries: readonly string[],
  built: ReadonlySet<string>,
): Promise<Modules> {
  const files = new Set<string>()
  const packages = new Set<string>()
  const open = [...entries]
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (files.has(path) || built.has(path)) continue
    files.add(path)
    if (!MODULE.test(path)) continue
    for (const specifier of specifiersOf(await readModule(root, path))) {
      const target = targetOf(path, specifier)
      if (target.kind === 'file') open.push(target.path)
      if (target.kind === 'package') packages.add(target.name)
    }
  }
  return { files: [...files].sort(), packages: [...packages].sort() }
}

/** What a module's text imports when it runs. */
export function specifiersOf(source: string): string[] {
  const matches = source.replace(LINE_COMMENT, '').matchAll(SPECIFIER)
  return [...matches].map((match) => match[1] ?? match[2] ?? match[3] ?? match[4] ?? '')
}

type Target =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'package'; readonly name: string }
  | { readonly kind: 'node' }

function targetOf(from: string, specifier: string): Target {
  if (specifier.startsWith('node:')) return { kind: 'node' }
  if (specifier.startsWith('.') || from.endsWith('package.json')) {
    return { kind: 'file', path: normalize(join(dirname(from), specifier)) }
  }
  // `new URL('package.json', import.meta.url)` names a neighbour without a dot; no package has a file's ending.
  if (/^[\w/-]+\.(json|ts)$|^build\//.test(specifier)) return { kind: 'file', path: join(dirname(from), specifier) }
  const [first = '', second = ''] = specifier.split('/')
  return { kind: 'package', name: first.startsWith('@') ? `${first}/${second}` : first }
}

async function readModule(root: string, path: string): Promise<string> {
  try {
    return await readFile(join(root, path), 'utf8')
  } catch (cause) {
    throw new GantryError('not_found', { action: 'read module', subject: path, cause })
  }
}
