// SPDX-License-Identifier: Apache-2.0
import type { PodSandboxConfig } from '../../cri-proto/index.ts'
import { invalidField } from '../translate/invalid-field.ts'

/** Names end up in log paths, CNI arguments and unique names. */
const MAX_NAME = 253

/**
 * The configuration of a sandbox, with the metadata CRI requires.
 *
 * @throws GantryError `invalid_argument` naming the field.
 */
export function requireMetadata(config: PodSandboxConfig | undefined): PodSandboxConfig {
  if (config === undefined) throw invalidField('config', undefined, 'a PodSandboxConfig')
  if (config.metadata === undefined) throw invalidField('config.metadata', undefined, 'a PodSandboxMetadata')
  for (const field of ['name', 'namespace', 'uid'] as const) {
    const value = config.metadata[field]
    if (value === '' || value.length > MAX_NAME || value.includes('\0')) {
      throw invalidField(`config.metadata.${field}`, value, `1 to ${MAX_NAME} characters`)
    }
  }
  const { logDirectory } = config
  if (logDirectory !== '' && (!logDirectory.startsWith('/') || logDirectory.includes('\0'))) {
    throw invalidField('config.log_directory', logDirectory, 'an absolute path')
  }
  return config
}
