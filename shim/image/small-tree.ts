// SPDX-License-Identifier: Apache-2.0
import { lstat, readdir, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'

/** What takes fewer microseconds to delete here than a child takes milliseconds to start. */
const MAX_ENTRIES = 48
/** Freeing the blocks of large files keeps a thread busy that others wait for. */
const MAX_BYTES = 4 << 20

interface Survey {
  entries: number
  bytes: number
  readonly files: string[]
  /** Each before what is below it. */
  readonly directories: string[]
}

/**
 * Deletes a tree in which nobody writes any more, if it is a small one.
 *
 * @returns false where it is not, and nothing has been deleted
 */
export async function removeSmallTree(tree: string): Promise<boolean> {
  const found: Survey = { entries: 0, bytes: 0, files: [], directories: [] }
  if (!(await survey(tree, found))) return false
  await Promise.all(found.files.map((file) => unlink(file)))
  for (const directory of found.directories.reverse()) await rmdir(directory)
  return true
}

async function survey(directory: string, found: Survey): Promise<boolean> {
  const entries = await readdir(directory, { withFileTypes: true })
  found.directories.push(directory)
  found.entries += entries.length
  if (found.entries > MAX_ENTRIES) return false
  for (const entry of entries) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) {
      if (!(await survey(path, found))) return false
      continue
    }
    found.files.push(path)
    if (entry.isFile()) found.bytes += (await lstat(path)).size
    if (found.bytes > MAX_BYTES) return false
  }
  return true
}
