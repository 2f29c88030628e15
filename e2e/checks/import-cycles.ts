// SPDX-License-Identifier: Apache-2.0
import type { Check } from './check.ts'
import { type Import, readImports } from './imports.ts'

export const importCycles: Check = {
  name: 'no file imports itself by way of others',
  findProblems: async (root) => findCycles(await readImports(root)),
}

/** Each cycle once, as `a → b → a`. */
export function findCycles(imports: readonly Import[]): string[] {
  const targets = new Map<string, string[]>()
  for (const { from, to } of imports) targets.set(from, [...(targets.get(from) ?? []), to])
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file)
    if (start >= 0) cycles.push([...path.slice(start), file].join(' → '))
    if (start >= 0 || done.has(file)) return
    for (const target of targets.get(file) ?? []) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of targets.keys()) visit(file, [])
  return cycles
}
