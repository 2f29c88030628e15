// SPDX-License-Identifier: Apache-2.0
import type { Check } from './check.ts'
import { type Import, readImports } from './imports.ts'
import { isTest } from './source-tree.ts'

/** Who may know whom: each top folder and the others it may import from. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'cri-proto': [],
  'runtime-core': [],
  metrics: [],
  shim: ['cri-proto', 'runtime-core'],
  deploy: ['cri-proto', 'runtime-core', 'shim'],
  e2e: ['cri-proto', 'runtime-core', 'metrics', 'shim', 'deploy'],
}

/** The program that starts the metrics; nothing else needs them, so that counting never decides anything. */
const STARTS_METRICS = 'shim/main.ts'

export const importDirection: Check = {
  name: 'imports point one way',
  findProblems: async (root) => directionProblems(await readImports(root)),
}

/** One line for each import that a layer may not have. Tests may look across: they prove that the sides agree. */
export function directionProblems(imports: readonly Import[]): string[] {
  return imports.filter(({ from, to }) => !isTest(from) && !isAllowed(from, to)).map(describe)
}

function isAllowed(from: string, to: string): boolean {
  const [own, target] = [topFolder(from), topFolder(to)]
  if (own === target || (from === STARTS_METRICS && target === 'metrics')) return true
  return MAY_IMPORT[own]?.includes(target) ?? false
}

function topFolder(path: string): string {
  return path.split('/', 1)[0] ?? ''
}

function describe({ from, to }: Import): string {
  const may = MAY_IMPORT[topFolder(from)]
  if (may === undefined)
    return `${from} imports ${to}: add "${topFolder(from)}" to the table of e2e/checks/import-direction.ts`
  return `${from} imports ${to}: ${topFolder(from)} may import ${may.length === 0 ? 'nothing else' : `only ${may.join(', ')}`}`
}
