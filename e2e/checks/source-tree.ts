// SPDX-License-Identifier: Apache-2.0
import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'

/** The repository's root. */
export const REPOSITORY = resolve(import.meta.dirname, '../..')

/** Folders that hold nothing of ours: fetched, built or written by a run. Relative to the root, or a name anywhere. */
const FOREIGN = new Set(['.git', '.cache', 'node_modules', 'dist', 'runtime-core/keeper/build', 'e2e/bench/results'])

/** Every file of the repository, by its path from `root`, sorted. Not asked of git: it refuses root in another's clone. */
export async function listFiles(root: string = REPOSITORY): Promise<string[]> {
  const found: string[] = []
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (FOREIGN.has(entry.name) || FOREIGN.has(path)) continue
      if (entry.isDirectory()) await visit(path)
      else if (entry.isFile()) found.push(path)
    }
  }
  await visit('')
  return found.sort()
}

/** A test that the runner finds, of whichever suite. */
export function isTest(path: string): boolean {
  return path.endsWith('.test.ts')
}
