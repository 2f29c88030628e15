// SPDX-License-Identifier: Apache-2.0
import type { OciMount } from '../../spec/types.ts'
import { type Op, op } from '../ops.ts'
import { ATTR, attributesOfOne, type MountOptions } from './mount-options.ts'
import { destinationOf } from './mount-target.ts'
import { MS, OPEN, PLAN_SLOTS } from './slots.ts'

/** Attributes of a mount as flags of mount(2). */
const FLAGS: readonly (readonly [bigint, bigint])[] = [
  [ATTR.rdonly, MS.rdonly],
  [ATTR.nosuid, MS.nosuid],
  [ATTR.nodev, MS.nodev],
  [ATTR.noexec, MS.noexec],
  [ATTR.noatime, MS.noatime],
  [ATTR.strictatime, MS.strictatime],
  [ATTR.nodiratime, MS.nodiratime],
  [ATTR.nosymfollow, MS.nosymfollow],
]

const SUPER_FLAGS: ReadonlyMap<string, bigint> = new Map([
  ['sync', MS.sync],
  ['dirsync', MS.dirsync],
  ['mand', MS.mand],
  ['lazytime', MS.lazytime],
  ['iversion', MS.iversion],
])

/** fsconfig(2) has no name for iversion; mount(2) has a flag. */
export function needsRemount({ superFlags }: MountOptions): boolean {
  return superFlags.findLast((flag) => flag.endsWith('iversion')) === 'iversion'
}

/** `remount`: what is mounted at the destination gets these options instead of its own (mount(2), MS_REMOUNT). */
export function compileRemount(mount: OciMount, options: MountOptions): Op[] {
  const attributes = attributesOfOne(options)
  const own = FLAGS.reduce((flags, [attribute, flag]) => ((attributes & attribute) === 0n ? flags : flags | flag), 0n)
  const superFlags = options.superFlags.reduce(applySuperFlag, 0n)
  const path = destinationOf(mount)
  const data = options.data.length === 0 ? undefined : options.data.join(',')
  return [
    op('remount_in', PLAN_SLOTS.root, path, MS.remount | own | superFlags, data),
    ...(options.propagation === undefined || !options.remount
      ? []
      : [
          op('open_in', PLAN_SLOTS.target, PLAN_SLOTS.root, path, OPEN.path),
          op('mount_setattr', PLAN_SLOTS.target, 0, 0n, 0n, options.propagation.flag),
        ]),
  ]
}

/** `sync` sets, `async` takes back. */
function applySuperFlag(flags: bigint, name: string): bigint {
  const bit = SUPER_FLAGS.get(name)
  if (bit !== undefined) return flags | bit
  return flags & ~(SUPER_FLAGS.get(name === 'async' ? 'sync' : name.replace(/^no/, '')) ?? 0n)
}
