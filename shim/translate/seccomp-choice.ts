// SPDX-License-Identifier: Apache-2.0
import {
  type LinuxContainerSecurityContext,
  type LinuxSandboxSecurityContext,
  SecurityProfile_ProfileType as ProfileType,
  type SecurityProfile,
} from '../../cri-proto/index.ts'
import { invalidField } from './invalid-field.ts'

const FIELD = 'config.linux.security_context'

export type SeccompChoice =
  | { readonly kind: 'unconfined' }
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly path: string }

type SeccompFields = Pick<
  LinuxContainerSecurityContext & LinuxSandboxSecurityContext,
  'seccomp' | 'seccompProfilePath' | 'privileged'
>

/**
 * Which seccomp profile a container or pod asks for. The new field wins over the deprecated text; neither, and
 * privileged, is unconfined.
 *
 * @throws GantryError invalid_argument for a reference without Localhost, and a Localhost reference that is no absolute path.
 */
export function seccompChoice(context: SeccompFields | undefined): SeccompChoice {
  if (context === undefined) return { kind: 'unconfined' }
  const text = context.seccompProfilePath
  const profile = context.seccomp ?? (text === '' ? undefined : profileFromText(text, `${FIELD}.seccomp_profile_path`))
  if (profile === undefined) return { kind: 'unconfined' }
  const choice = choiceOf(profile)
  return context.privileged ? { kind: 'unconfined' } : choice
}

function choiceOf({ profileType, localhostRef }: SecurityProfile): SeccompChoice {
  if (profileType !== ProfileType.Localhost && localhostRef !== '') {
    throw invalidField(`${FIELD}.seccomp.localhost_ref`, localhostRef, 'none unless profile_type is Localhost')
  }
  switch (profileType) {
    case ProfileType.Unconfined:
      return { kind: 'unconfined' }
    case ProfileType.RuntimeDefault:
      return { kind: 'default' }
    case ProfileType.Localhost:
      if (!localhostRef.startsWith('/') || localhostRef.includes('\0')) {
        throw invalidField(`${FIELD}.seccomp.localhost_ref`, localhostRef, 'the absolute path of a profile')
      }
      return { kind: 'file', path: localhostRef }
    default:
      throw invalidField(`${FIELD}.seccomp.profile_type`, profileType, 'RuntimeDefault, Unconfined or Localhost')
  }
}

/**
 * A profile as the deprecated fields write it: `runtime/default`, `docker/default`, `unconfined`, `localhost/x`.
 *
 * @throws GantryError invalid_argument for any other text.
 */
export function profileFromText(text: string, field: string): SecurityProfile {
  if (text === 'unconfined') return { profileType: ProfileType.Unconfined, localhostRef: '' }
  if (text === 'runtime/default' || text === 'docker/default') {
    return { profileType: ProfileType.RuntimeDefault, localhostRef: '' }
  }
  if (text.startsWith('localhost/')) {
    return { profileType: ProfileType.Localhost, localhostRef: text.slice('localhost/'.length) }
  }
  throw invalidField(field, text, 'runtime/default, docker/default, unconfined or localhost/…')
}
