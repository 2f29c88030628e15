// SPDX-License-Identifier: Apache-2.0
import {
  type LinuxContainerSecurityContext,
  SecurityProfile_ProfileType as ProfileType,
  type SELinuxOption,
  type SecurityProfile,
} from '../../cri-proto/index.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import type { HostLsm } from './host-facts.ts'
import { invalidField } from './invalid-field.ts'
import { profileFromText } from './seccomp-choice.ts'

const FIELD = 'config.linux.security_context'

/**
 * The AppArmor profile of a container's process, if any. The new field wins over the deprecated text. Privileged
 * containers run unconfined unless they name a profile.
 *
 * @throws GantryError failed_precondition when a profile is asked for that this node cannot apply.
 */
export function appArmorProfile(
  context: LinuxContainerSecurityContext | undefined,
  privileged: boolean,
  { apparmor }: HostLsm,
): string | undefined {
  const wanted = context?.apparmor ?? deprecatedProfile(context?.apparmorProfile ?? '')
  if (wanted?.profileType === ProfileType.Unconfined) return undefined
  if (apparmor === undefined) {
    if (wanted === undefined) return undefined
    throw unavailable(wanted, 'AppArmor is not enabled on this node')
  }
  if (wanted?.profileType !== ProfileType.Localhost) {
    if (privileged) return undefined
    // Who asked for nothing in particular gets what there is, as under the peers.
    if (wanted === undefined || apparmor.defaultProfile !== undefined) return apparmor.defaultProfile
    throw unavailable(wanted, apparmor.problem ?? 'the profile is not loaded')
  }
  const name = wanted.localhostRef.replace(/^localhost\//, '')
  if (name === '') throw invalidField(`${FIELD}.apparmor.localhost_ref`, '', 'the name of a loaded profile')
  if (!apparmor.loaded.has(name)) throw unavailable(wanted, 'the profile is not loaded')
  return name
}

function deprecatedProfile(text: string): SecurityProfile | undefined {
  return text === '' ? undefined : profileFromText(text, `${FIELD}.apparmor_profile`)
}

function unavailable({ profileType, localhostRef }: SecurityProfile, reason: string): GantryError {
  const subject = profileType === ProfileType.Localhost ? localhostRef : 'RuntimeDefault'
  return new GantryError('failed_precondition', { action: 'apply AppArmor profile', subject, reason })
}

/**
 * Checks SELinux options. On a node without SELinux they have no effect, as with the peers: many add-ons set them
 * everywhere. On one with it they are refused: this release gives no labels, and who names one relies on it.
 *
 * @throws GantryError invalid_argument for a level that is none, on every node; unimplemented where SELinux is enabled.
 */
export function checkSelinuxOptions(options: SELinuxOption | undefined, isEnabled = false): void {
  if (isEnabled && options !== undefined && Object.values(options).some((part) => part !== '')) {
    throw new GantryError('unimplemented', {
      action: 'give SELinux label',
      subject: [options.user, options.role, options.type, options.level].join(':'),
      reason: 'SELinux is enabled on this node, and this release gives no labels',
    })
  }
  const level = options?.level ?? ''
  if (level !== '' && !/^s\d(-s\d)?(:c\d{1,4}(\.c\d{1,4})?(,c\d{1,4}(\.c\d{1,4})?)*)?$/.test(level)) {
    throw invalidField(`${FIELD}.selinux_options.level`, level, 'a level such as s0:c1,c2')
  }
}
