// SPDX-License-Identifier: Apache-2.0
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const DIRECTORIES = ['dev', 'etc', 'proc', 'sys', 'tmp'] as const
const FILES = ['etc/hostname', 'etc/hosts', 'etc/resolv.conf'] as const

/**
 * A directory with the mount points that every container needs, laid below the layers of each image: an image without
 * them then needs no copy-up at each start, which costs a millisecond, and its writable layer holds only what the
 * container wrote. Idempotent.
 *
 * @returns the directory
 */
export async function makeMountPointLayer(root: string): Promise<string> {
  const layer = join(root, 'mount-points')
  for (const directory of DIRECTORIES) {
    await mkdir(join(layer, directory), { recursive: true, mode: directory === 'tmp' ? 0o1777 : 0o755 })
  }
  for (const file of FILES) await writeFile(join(layer, file), '', { mode: 0o644 })
  return layer
}
