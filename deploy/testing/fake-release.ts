// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import type { ReleaseManifest } from '../node/manifest.ts'

export interface TestFile {
  readonly path: string
  readonly mode: number
  readonly content: string
}

/** The manifest of a release that consists of a few files. */
export function makeManifestText(version: string, files: readonly TestFile[]): string {
  const manifest: ReleaseManifest = {
    name: 'gantry',
    version,
    architecture: 'amd64',
    links: [],
    files: files.map(({ path, mode, content }) => ({
      path,
      mode: mode.toString(8).padStart(4, '0'),
      size: Buffer.byteLength(content),
      sha256: createHash('sha256').update(content).digest('hex'),
    })),
  }
  return JSON.stringify(manifest)
}
