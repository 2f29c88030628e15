// SPDX-License-Identifier: Apache-2.0

/** The protocol versions Gantry speaks, oldest first (CNI spec, "Version considerations"). */
export const knownVersions = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const

export type CniVersion = (typeof knownVersions)[number]

/** The newest version Gantry speaks. */
export const newestVersion: CniVersion = '1.1.0'

/** True for a version Gantry speaks. */
export function isKnownVersion(version: string): version is CniVersion {
  return (knownVersions as readonly string[]).includes(version)
}

/** True when `version` is `least` or newer. */
export function isAtLeast(version: CniVersion, least: CniVersion): boolean {
  return knownVersions.indexOf(version) >= knownVersions.indexOf(least)
}

/** The newest known version among `versions`, or undefined when Gantry speaks none of them. */
export function newestOf(versions: readonly string[]): CniVersion | undefined {
  return knownVersions.findLast((known) => versions.includes(known))
}
