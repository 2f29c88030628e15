// SPDX-License-Identifier: Apache-2.0
import { seccompArch } from './seccomp-arch.ts'

/** What the rules of a profile may depend on. */
export interface SeccompTarget {
  /** `process.arch`. */
  readonly arch: string
  /** `uname -r`. */
  readonly kernelRelease: string
  /** The bounding set of the process, as CAP_*. */
  readonly capabilities: readonly string[]
}

export interface SeccompCondition {
  readonly caps?: readonly string[] | undefined
  readonly arches?: readonly string[] | undefined
  /** `major.minor` */
  readonly minKernel?: string | undefined
}

export interface ConditionalRule {
  readonly includes?: SeccompCondition | undefined
  readonly excludes?: SeccompCondition | undefined
}

/** Whether a rule applies: all of `includes` must hold, nothing of `excludes` may (Docker's profile format). */
export function ruleApplies({ includes, excludes }: ConditionalRule, target: SeccompTarget): boolean {
  const arch = seccompArch(target.arch)?.condition
  const has = (cap: string) => target.capabilities.includes(cap)
  const included =
    (includes?.caps ?? []).every(has) &&
    (isEmpty(includes?.arches) || includes?.arches?.includes(arch ?? '') === true) &&
    (includes?.minKernel === undefined || kernelIsAtLeast(target.kernelRelease, includes.minKernel))
  const excluded =
    (excludes?.caps ?? []).some(has) ||
    (arch !== undefined && excludes?.arches?.includes(arch) === true) ||
    (excludes?.minKernel !== undefined && kernelIsAtLeast(target.kernelRelease, excludes.minKernel))
  return included && !excluded
}

function isEmpty(list: readonly unknown[] | undefined): boolean {
  return list === undefined || list.length === 0
}

/** Compares the first two numbers of `uname -r` with `major.minor`. */
function kernelIsAtLeast(release: string, minimum: string): boolean {
  const [major = 0, minor = 0] = release.split(/[.-]/, 2).map(Number)
  const [wantedMajor = 0, wantedMinor = 0] = minimum.split('.', 2).map(Number)
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)
}
