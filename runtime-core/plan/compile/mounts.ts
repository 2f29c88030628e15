// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../errors.ts'
import type { OciMount } from '../../spec/types.ts'
import { forPurpose, type Op, op, SLOTS, tolerating } from '../ops.ts'
import { compileCgroupMount } from './cgroup-mount.ts'
import type { ContainerInput } from './input.ts'
import { type MountOptions, PROPAGATION, parseMountOptions } from './mount-options.ts'
import { CLONE, CLONE_TREE, ERRNO, MAX_SHARED_MOUNTS, OPEN, PLAN_SLOTS, RECURSIVE } from './slots.ts'
import { hasMappingsOf, hostId, type UserNamespace } from './user-namespace.ts'

const MAX_FSCONFIG_BYTES = 255

export interface MountOps {
  /** Before the tree is made slave: clones that must stay peers of the host's mounts. */
  readonly early: readonly Op[]
  /** After the root is mounted, in the listed order. */
  readonly main: readonly Op[]
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
  let sharedSlot: number = PLAN_SLOTS.shared
  for (const mount of mounts) {
    const options = parseMountOptions(mount.options ?? [])
    const purpose = describe(mount)
    if (isShared(mount, options)) {
      if (sharedSlot >= PLAN_SLOTS.shared + MAX_SHARED_MOUNTS) throw tooManyShared(mount)
      early.push(...forPurpose(purpose, cloneSource(mount, options, sharedSlot, user)))
      main.push(...forPurpose(purpose, attach(mount, sharedSlot, user)))
      sharedSlot++
    } else {
      main.push(...forPurpose(purpose, compileMount(mount, options, input, user)))
    }
  }
  return { early, main }
}

function isBind(mount: OciMount, options: MountOptions): boolean {
  return mount.type === 'bind' || options.bind !== 'no'
}

function isShared(mount: OciMount, options: MountOptions): boolean {
  return isBind(mount, options) && options.propagation?.flag === PROPAGATION.shared
}

function compileMount(
  mount: OciMount,
  options: MountOptions,
  input: ContainerInput,
  user: UserNamespace | undefined,
): Op[] {
  if (mount.source !== undefined && mount.source === input.podShm) return podShm(mount, options, user)
  if (isBind(mount, options)) {
    return [
      ...(input.makeBindSources ? makeSource(mount) : []),
      ...cloneSource(mount, options, PLAN_SLOTS.mount, user),
      ...(input.copyUpSources.has(mount.source ?? '') ? copyUpVolume(mount) : []),
      ...attach(mount, PLAN_SLOTS.mount, user),
    ]
  }
  if (mount.type === 'cgroup' || mount.type === 'cgroup2') return compileCgroupMount(mount, options, input)
  if (mount.type === 'overlay' && !input.host.overlayLowerdirPlus) {
    return [...newFileSystem(mount, joinLayers(mount, options), user), ...attach(mount, PLAN_SLOTS.mount, user)]
  }
  return [...newFileSystem(mount, options, user), ...attach(mount, PLAN_SLOTS.mount, user), ...copyUp(mount, options)]
}

/** A detached, attributed copy of the source tree in `slot`. */
function cloneSource(mount: OciMount, options: MountOptions, slot: number, user: UserNamespace | undefined): Op[] {
  if (mount.source === undefined || mount.source === '') {
    throw new GantryError('invalid_argument', { action: describe(mount), reason: 'a bind mount needs a source' })
  }
  const recursive = options.bind !== 'bind'
  return [
    op('open_tree', slot, undefined, mount.source, CLONE_TREE | (recursive ? RECURSIVE : 0)),
    ...idMap(mount, options, slot, user),
    ...attributes(slot, options),
  ]
}

/** An id-mapped mount (config.md §mounts, uidMappings): through the container's own user namespace. */
function idMap(mount: OciMount, options: MountOptions, slot: number, user: UserNamespace | undefined): Op[] {
  const mapped = (mount.uidMappings?.length ?? 0) + (mount.gidMappings?.length ?? 0) > 0
  if (options.idmap === 'no' && !mapped) return []
  if (user === undefined || (mapped && !hasMappingsOf(mount, user))) {
    throw new GantryError('unimplemented', {
      action: describe(mount),
      reason: 'its mappings are not those of the container’s user namespace',
    })
  }
  return [op('idmap_mount', slot, user.slot, options.idmap === 'ridmap' ? RECURSIVE : 0)]
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

/** Puts the mount of `slot` at its destination; the mount point is made like the mount's root, file or directory. */
export function attach(mount: OciMount, slot: number, user: UserNamespace | undefined): Op[] {
  const [uid, gid] = [hostId(0, user?.uids, 'uid'), hostId(0, user?.gids, 'gid')]
  return [
    op('make_target', PLAN_SLOTS.target, PLAN_SLOTS.root, mount.destination, slot, uid, gid),
    op('move_mount', slot, PLAN_SLOTS.target),
    op('close', slot),
  ]
}

function newFileSystem(mount: OciMount, options: MountOptions, user: UserNamespace | undefined): Op[] {
  const fs = PLAN_SLOTS.work
  const source = mount.source ?? ''
  return [
    op('fsopen', fs, mount.type ?? 'none'),
    // Some file systems (sysfs, mqueue) take no source; it is only a name in mountinfo for them.
    ...(source === '' ? [] : [tolerating(op('fsconfig_string', fs, 'source', source), ERRNO.EINVAL)]),
    ...ownedByRoot(mount.type, options.data, user).map((option) => fileSystemOption(fs, option)),
    op('fsmount', PLAN_SLOTS.mount, fs, options.set),
    ...(options.propagation === undefined
      ? []
      : [op('mount_setattr', PLAN_SLOTS.mount, 0, 0n, 0n, options.propagation.flag)]),
  ]
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

/** tmpcopyup: what the image has at the destination is copied before the tmpfs covers it for good. */
function copyUp(mount: OciMount, options: MountOptions): Op[] {
  if (!options.copyUp || mount.type !== 'tmpfs') return []
  throw new GantryError('unimplemented', { action: describe(mount), reason: 'tmpcopyup is not supported yet' })
}

/**
 * The pod's /dev/shm lives in a mount namespace of its own that only the keeper holds: step in, take a copy, step back.
 * (Before Linux 6.15 a detached mount can be attached only once, so a descriptor of it would not do.)
 */
function podShm(mount: OciMount, options: MountOptions, user: UserNamespace | undefined): Op[] {
  return [
    op('open', PLAN_SLOTS.ownRoot, '/', OPEN.path | OPEN.directory, 0),
    op('open', PLAN_SLOTS.ownMount, '/proc/self/ns/mnt', OPEN.rdonly, 0),
    op('setns', SLOTS.podMount, CLONE.mount),
    op('open_tree', PLAN_SLOTS.mount, undefined, '/', CLONE_TREE),
    op('setns', PLAN_SLOTS.ownMount, CLONE.mount),
    // setns(2) has made the namespace's root ours; where the daemon runs below it, that is not where its paths begin.
    op('fchdir', PLAN_SLOTS.ownRoot),
    op('chroot', '.'),
    ...attributes(PLAN_SLOTS.mount, options),
    ...attach(mount, PLAN_SLOTS.mount, user),
  ]
}

function describe(mount: OciMount): string {
  const what = mount.source === undefined ? (mount.type ?? 'mount') : `"${mount.source}"`
  return `mount ${what} on "${mount.destination}"`
}

function tooManyShared(mount: OciMount): GantryError {
  return new GantryError('resource_exhausted', {
    action: describe(mount),
    reason: `at most ${MAX_SHARED_MOUNTS} mounts of a container can have shared (Bidirectional) propagation`,
  })
}
