// SPDX-License-Identifier: Apache-2.0
import type { LinuxSandboxSecurityContext, PodSandboxConfig } from '../../cri-proto/index.ts'
import { invalidField } from '../translate/invalid-field.ts'
import { checkSelinuxOptions } from '../translate/lsm.ts'
import { refuseWindows } from '../translate/not-for-linux.ts'
import { seccompChoice } from '../translate/seccomp-choice.ts'

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
  refuseWindows('config.windows', config.windows)
  checkSecurity(config.linux?.securityContext)
  return config
}

/**
 * A pod has no process of its own that these settings would apply to: they are its containers' to repeat. What no process
 * could have is refused all the same.
 */
function checkSecurity(context: LinuxSandboxSecurityContext | undefined): void {
  if (context === undefined) return
  seccompChoice(context)
  checkSelinuxOptions(context.selinuxOptions)
  if (context.runAsGroup !== undefined && context.runAsUser === undefined) {
    throw invalidField(
      'config.linux.security_context.run_as_group',
      context.runAsGroup.value,
      'none without run_as_user',
    )
  }
}
