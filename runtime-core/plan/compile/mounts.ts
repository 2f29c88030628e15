// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../errors.ts'
import type { OciMount } from '../../spec/types.ts'
import { forPurpose, type Op, op, SLOTS, tolerating } from '../ops.ts'
import { compileCgroupMount } from './cgroup-mount.ts'
import { IdMappings } from './idmap.ts'
import type { ContainerInput } from './input.ts'
import { ATTR, attributesOfOne, type MountOptions, PROPAGATION, parseMountOptions } from './mount-options.ts'
import { attach, describe, destinationOf, refuseBadDestination } from './mount-target.ts'
import { compileRemount, needsRemount } from './remount.ts'
import { CLONE, CLONE_TREE, ERRNO, OPEN, PLAN_SLOTS, RECURSIVE, SparePool } from './slots.ts'
import { hostId, type UserNamespace } from './user-namespace.ts'

const MAX_FSCONFIG_BYTES = 255

export interface MountOps {
  /** By the keeper: the user namespaces of id-mapped mounts. */
  readonly prepare: readonly Op[]
  /** Before the tree is made slave: clones that must stay peers of the host's mounts. */
  readonly early: readonly Op[]
  /** After the root is mounted, in the listed order. */
  readonly main: readonly Op[]
}

/** What the mounts of one container have in common. */
interface Context {
  readonly input: ContainerInput
  readonly user: UserNamespace | undefined
  readonly mappings: IdMappings
}

/**
 * The mounts of a container (config.md §mounts), in the order given. Every mount is made detached, gets its attributes,
 * and only then appears at its place; every place is resolved inside the root.
 *
 * @throws GantryError `invalid_argument` naming the mount that cannot be made.
 */
export function compileMounts(
  mounts: readonly OciMount[],
  input: ContainerInput,
  user: UserNamespace | undefined,
): MountOps {
  const early: Op[] = []
  const main: Op[] = []
  const pool = new SparePool()
  const context = { input, user, mappings: new IdMappings(user, pool) }
  for (const mount of mounts) {
    const options = parseMountOptions(mount.options ?? [])
    const purpose = describe(mount)
    refuseBadDestination(mount, isBind(mount, options))
    if (isShared(mount, options)) {
      const slot = pool.take(purpose)
      early.push(...forPurpose(purpose, cloneSource(mount, options, slot, context)))
      main.push(...forPurpose(purpose, attach(mount, slot, user)))
    } else {
      main.push(...forPurpose(purpose, compileMount(mount, options, context)))
    }
  }
  return { prepare: context.mappings.prepare, early, main }
}

function isBind(mount: OciMount, options: MountOptions): boolean {
  return mount.type === 'bind' || options.bind !== 'no'
}

function isShared(mount: OciMount, options: MountOptions): boolean {
  return isBind(mount, options) && options.propagation?.flag === PROPAGATION.shared
}

function compileMount(mount: OciMount, options: MountOptions, context: Context): Op[] {
  const { input, user, mappings } = context
  if (mount.source !== undefined && mount.source === input.podShm) return podShm(mount, options, user)
  if (isBind(mount, options)) {
    return [
      ...(input.makeBindSources ? makeSource(mount) : []),
      ...cloneSource(mount, options, PLAN_SLOTS.mount, context),
      ...(input.copyUpSources.has(mount.source ?? '') ? copyUpVolume(mount) : []),
      ...attach(mount, PLAN_SLOTS.mount, user),
    ]
  }
  if (options.remount) return compileRemount(mount, options)
  if (mount.type === 'cgroup' || mount.type === 'cgroup2') {
    if (mappings.areOf(mount, options)) {
      throw new GantryError('invalid_argument', { action: describe(mount), reason: 'cgroups cannot be id-mapped' })
    }
    return compileCgroupMount(mount, options, input)
  }
  const joined = mount.type === 'overlay' && !input.host.overlayLowerdirPlus ? joinLayers(mount, options) : options
  return [
    ...newFileSystem(mount, joined, context),
    ...attach(mount, PLAN_SLOTS.mount, user),
    ...(needsRemount(options) ? compileRemount(mount, options) : []),
  ]
}

/** A detached, attributed copy of the source tree in `slot`. */
function cloneSource(mount: OciMount, options: MountOptions, slot: number, { mappings }: Context): Op[] {
  if (mount.source === undefined || mount.source === '') {
    throw new GantryError('invalid_argument', { action: describe(mount), reason: 'a bind mount needs a source' })
  }
  if (options.copyUp) {
    const reason = 'option "tmpcopyup" means nothing to a bind mount, which has no file system of its own'
    throw new GantryError('invalid_argument', { action: describe(mount), reason })
  }
  const recursive = options.bind !== 'bind'
  return [
    op('open_tree', slot, undefined, mount.source, CLONE_TREE | (recursive ? RECURSIVE : 0)),
    ...(destinationOf(mount) === '/proc' ? [op('require_procfs', slot)] : []),
    ...mappings.apply(mount, options, slot),
    ...attributes(slot, options),
  ]
}

/**
 * Options that are meant for a file system, on a bind mount: the kernel passes them over (mount(2) §MS_BIND), and so
 * does every runtime. Who gave them should know.
 */
export function bindOptionsWithoutMeaning(mount: OciMount): string[] {
  const options = parseMountOptions(mount.options ?? [])
  if (!isBind(mount, options)) return []
  return options.data.map((option) => `${describe(mount)}: option "${option}" means nothing to a bind mount`)
}

/** mkdir -p of the source; an existing file or directory is left alone. */
function makeSource({ source }: OciMount): Op[] {
  return source === undefined ? [] : [op('mkdir_host', source, 0o755)]
}

/** A volume of the image starts with the image's content of that path. */
function copyUpVolume(mount: OciMount): Op[] {
  return [op('copy_tree_in', PLAN_SLOTS.root, mount.destination, PLAN_SLOTS.mount)]
}

/** Attributes while detached. Binds are private unless asked otherwise: a container's mounts are its own. */
function attributes(slot: number, options: MountOptions): Op[] {
  const propagation = options.propagation ?? { flag: PROPAGATION.private, recursive: true }
  const ops = [op('mount_setattr', slot, propagation.recursive ? RECURSIVE : 0, 0n, 0n, propagation.flag)]
  if ((options.set | options.clear) !== 0n) ops.push(op('mount_setattr', slot, 0, options.set, options.clear, 0n))
  if ((options.recursiveSet | options.recursiveClear) !== 0n) {
    ops.push(op('mount_setattr', slot, RECURSIVE, options.recursiveSet, options.recursiveClear, 0n))
  }
  return ops
}

function newFileSystem(mount: OciMount, options: MountOptions, { input, user, mappings }: Context): Op[] {
  const fs = PLAN_SLOTS.work
  const slot = PLAN_SLOTS.mount
  const source = mount.source ?? ''
  const attributes = attributesOfOne(options)
  if (options.copyUp && mount.type !== 'tmpfs') {
    throw new GantryError('invalid_argument', { action: describe(mount), reason: 'tmpcopyup is for type "tmpfs" only' })
  }
  const data = [...labelled(mount, input), ...ownedByRoot(mount.type, options.data, user)]
  return [
    op('fsopen', fs, mount.type ?? 'none'),
    // Some file systems (sysfs, mqueue) take no source; it is only a name in mountinfo for them.
    ...(source === '' ? [] : [tolerating(op('fsconfig_string', fs, 'source', source), ERRNO.EINVAL)]),
    ...superFlags(mount, options, attributes).map((flag) => op('fsconfig_flag', fs, flag)),
    ...data.map((option) => fileSystemOption(fs, option)),
    // A file system that is filled first is read-only last.
    op('fsmount', slot, fs, options.copyUp ? attributes & ~ATTR.rdonly : attributes),
    ...(options.copyUp ? copyUp(mount, options, attributes) : []),
    ...mappings.apply(mount, options, slot),
    ...(options.propagation === undefined ? [] : [op('mount_setattr', slot, 0, 0n, 0n, options.propagation.flag)]),
  ]
}

/** Flags of the super block. A device that cannot be written to mounts only where that is said, too. */
function superFlags({ source = '' }: OciMount, { superFlags: given }: MountOptions, attributes: bigint): string[] {
  const readOnlyDevice = source.startsWith('/') && (attributes & ATTR.rdonly) !== 0n
  return [...(readOnlyDevice ? ['ro'] : []), ...given.filter((flag) => !flag.endsWith('iversion'))]
}

/** File systems whose files have no labels of their own get `linux.mountLabel` as that of all (mount(8), context=). */
function labelled({ type = '', options = [] }: OciMount, { spec }: ContainerInput): string[] {
  const label = spec.linux?.mountLabel
  if (!label || !['tmpfs', 'mqueue', 'devpts', 'ramfs'].includes(type)) return []
  return options.some((option) => option.startsWith('context=')) ? [] : [`context=${label}`]
}

/** Before Linux 6.5 overlayfs takes all layers as one value, and fsconfig(2) values of 255 bytes at most. */
function joinLayers(mount: OciMount, options: MountOptions): MountOptions {
  const isLayer = (option: string): boolean => option.startsWith('lowerdir+=')
  const layers = options.data.filter(isLayer).map((option) => option.slice('lowerdir+='.length))
  const joined = layers.join(':')
  if (joined.length > MAX_FSCONFIG_BYTES) {
    throw new GantryError('failed_precondition', {
      action: describe(mount),
      reason: `its ${layers.length} layers need ${joined.length} bytes, this kernel takes ${MAX_FSCONFIG_BYTES}`,
      hint: 'Linux 6.5 has no such limit',
    })
  }
  return { ...options, data: [...options.data.filter((option) => !isLayer(option)), `lowerdir=${joined}`] }
}

/** The mounter is the host's root: the container's own root must be told to be the owner. */
function ownedByRoot(
  type: string | undefined,
  data: readonly string[],
  user: UserNamespace | undefined,
): readonly string[] {
  if (user === undefined) return data
  const mapped = data.map((option) => {
    const [, key, id] = /^(uid|gid)=(\d+)$/.exec(option) ?? []
    if (key === undefined) return option
    return `${key}=${key === 'uid' ? hostId(Number(id), user.uids, 'uid') : hostId(Number(id), user.gids, 'gid')}`
  })
  if (type !== 'tmpfs') return mapped
  const missing = (['uid', 'gid'] as const).filter((key) => !data.some((option) => option.startsWith(`${key}=`)))
  return [...mapped, ...missing.map((key) => `${key}=${hostId(0, key === 'uid' ? user.uids : user.gids, key)}`)]
}

function fileSystemOption(fs: number, option: string): Op {
  const equals = option.indexOf('=')
  if (equals < 0) return op('fsconfig_flag', fs, option)
  return op('fsconfig_string', fs, option.slice(0, equals), option.slice(equals + 1))
}

/**
 * tmpcopyup: the tmpfs begins with what the root has at the destination, which it is about to cover, and with its owner
 * and mode, unless the options name a mode.
 */
function copyUp(mount: OciMount, options: MountOptions, attributes: bigint): Op[] {
  const slot = PLAN_SLOTS.mount
  const mode = options.data.findLast((option) => /^mode=[0-7]+$/.test(option))?.slice('mode='.length)
  return [
    op('copy_tree_in', PLAN_SLOTS.root, destinationOf(mount), slot),
    ...(mode === undefined ? [] : [op('chmod_in', slot, '/', Number.parseInt(mode, 8))]),
    ...((attributes & ATTR.rdonly) === 0n ? [] : [op('mount_setattr', slot, 0, ATTR.rdonly, 0n, 0n)]),
  ]
}

/**
 * The pod's /dev/shm lives in a mount namespace of its own that only the keeper holds: step in, take a copy, step back.
 * (Before Linux 6.15 a detached mount can be attached only once, so a descriptor of it would not do.) The copy is left
 * in the slot `mount`.
 */
export function copyPodShm(): Op[] {
  return [
    op('open', PLAN_SLOTS.ownRoot, '/', OPEN.path | OPEN.directory, 0),
    op('open', PLAN_SLOTS.ownMount, '/proc/self/ns/mnt', OPEN.rdonly, 0),
    op('setns', SLOTS.podMount, CLONE.mount),
    op('open_tree', PLAN_SLOTS.mount, undefined, '/', CLONE_TREE),
    op('setns', PLAN_SLOTS.ownMount, CLONE.mount),
    // setns(2) has made the namespace's root ours; where the daemon runs below it, that is not where its paths begin.
    op('fchdir', PLAN_SLOTS.ownRoot),
    op('chroot', '.'),
  ]
}

function podShm(mount: OciMount, options: MountOptions, user: UserNamespace | undefined): Op[] {
  return [...copyPodShm(), ...attributes(PLAN_SLOTS.mount, options), ...attach(mount, PLAN_SLOTS.mount, user)]
}
