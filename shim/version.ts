// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'

/** The release, as in package.json. */
export const VERSION = readVersion()

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return String(manifest.version)
  throw new TypeError('shim/package.json has no version')
}
