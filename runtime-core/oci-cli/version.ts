// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'

/** The runtime-spec this runtime is written for. */
export const SPEC_VERSION = '1.3.0'

/** The release, as package.json says. */
export function release(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return version
}
