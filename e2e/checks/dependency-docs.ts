// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Check } from './check.ts'
import { listFiles } from './source-tree.ts'

const PAGE = 'docs/dependencies.md'
const PINNED = /^\d+\.\d+\.\d+(-[\w.]+)?$/
/** A row of the page: name, version, reason. */
const ROW = /^\| `([^`]+)` \| ([^|]*?) \|/gm

export const dependencyDocs: Check = {
  name: `${PAGE} lists the dependencies of every package.json, each pinned`,
  findProblems: async (root) => {
    const manifests = (await listFiles(root)).filter((path) => /(^|\/)package\.json$/.test(path))
    const texts = await Promise.all(manifests.map((path) => readFile(join(root, path), 'utf8')))
    const page = await readFile(join(root, PAGE), 'utf8')
    return dependencyProblems(
      texts.map((text) => JSON.parse(text)),
      page,
    )
  },
}

type Manifest = Readonly<
  Partial<Record<'dependencies' | 'devDependencies' | 'optionalDependencies', Record<string, string>>>
>

/** What is not pinned, not on the page, on it with another version, or on it for nothing. */
export function dependencyProblems(manifests: readonly Manifest[], page: string): string[] {
  const used = new Map(manifests.flatMap(dependenciesOf))
  const listed = new Map([...page.matchAll(ROW)].map(([, name = '', version = '']) => [name, version]))
  const problems: string[] = []
  for (const [name, version] of used) {
    if (!PINNED.test(version)) problems.push(`${name}: "${version}" is not one version`)
    if (!listed.has(name)) problems.push(`${PAGE} does not list ${name} ${version}`)
    else if (listed.get(name) !== version)
      problems.push(`${PAGE} lists ${name} ${listed.get(name)}, used is ${version}`)
  }
  return [
    ...problems,
    ...[...listed.keys()].filter((name) => !used.has(name)).map((name) => `${PAGE} lists ${name}, which nothing uses`),
  ]
}

/** Without our own workspaces. */
function dependenciesOf(manifest: Manifest): [string, string][] {
  const groups = [manifest.dependencies, manifest.devDependencies, manifest.optionalDependencies]
  return groups.flatMap((group) => Object.entries(group ?? {})).filter(([name]) => !name.startsWith('@gantry/'))
}
