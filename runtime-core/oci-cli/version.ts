// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The runtime-spec this runtime is written for. */
export const SPEC_VERSION = '1.3.0'

/** The release, as package.json says. */
export function release(): string {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
    version: string
  }
  return version
}
