// SPDX-License-Identifier: Apache-2.0
import type { LinuxContainerSecurityContext, LinuxSandboxSecurityContext } from '../../cri-proto/index.ts'
import { invalidField } from './invalid-field.ts'

/**
 * Whether a container is privileged.
 *
 * @throws GantryError invalid_argument when it asks to be and the pod is not.
 */
export function isPrivileged(
  container: LinuxContainerSecurityContext | undefined,
  pod: LinuxSandboxSecurityContext | undefined,
): boolean {
  if (container?.privileged !== true) return false
  if (pod?.privileged !== true) {
    throw invalidField('config.linux.security_context.privileged', true, 'false, as the pod is not privileged')
  }
  return true
}

export interface HiddenPaths {
  readonly maskedPaths: readonly string[]
  readonly readonlyPaths: readonly string[]
}

/**
 * Paths hidden from or read-only in the container: the request's, none of our own (the kubelet sends the list), none at
 * all when privileged.
 *
 * @throws GantryError invalid_argument for a path that is not absolute.
 */
export function hiddenPaths(context: LinuxContainerSecurityContext | undefined, privileged: boolean): HiddenPaths {
  if (privileged || context === undefined) return { maskedPaths: [], readonlyPaths: [] }
  return {
    maskedPaths: absolute(context.maskedPaths, 'masked_paths'),
    readonlyPaths: absolute(context.readonlyPaths, 'readonly_paths'),
  }
}

function absolute(paths: readonly string[], field: string): readonly string[] {
  for (const path of paths) {
    if (path.startsWith('/') && !path.includes('\0')) continue
    throw invalidField(`config.linux.security_context.${field}`, path, 'an absolute path')
  }
  return paths
}
