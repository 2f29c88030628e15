// SPDX-License-Identifier: Apache-2.0

/** What passes with runc and is not meant to pass with Gantry: a program of the suite, its points, and the reason. */
export interface Intended {
  /** Points that may be lost, as they are reported; others of the program may not. */
  readonly points: RegExp
  readonly reason: string
}

export const INTENDED: Readonly<Record<string, Intended>> = {
  linux_ns_itype: {
    points: /^(missing|not ok): /,
    reason:
      'a bundle without a mount namespace is refused: its mounts would be the host’s. runc makes the host’s "/" a slave for it and leaves seven mounts behind',
  },
  mounts: {
    points: /^not ok: mounts\[\d+\] \(\/mnt\/etc-r?shared\) found in order$/,
    reason:
      'since Linux 6.8 mountinfo is in the order of age, and binds that stay peers of the host’s are cloned first; all are attached in the order of the list',
  },
}

/** What of `lost` is not meant to be. */
export function unintended(program: string, lost: readonly string[]): string[] {
  const known = INTENDED[program]
  return known === undefined ? [...lost] : lost.filter((one) => !known.points.test(one))
}
