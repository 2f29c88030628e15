// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../errors.ts'
import { forPurpose, type Op, op } from '../ops.ts'
import type { RootfsMount } from './input.ts'
import { CLONE_TREE, OPEN, PLAN_SLOTS, RECURSIVE } from './slots.ts'
import { hostId, type UserNamespace } from './user-namespace.ts'

/** mount(2) passes options in one page; what is over is cut off silently by the kernel. */
const MAX_MOUNT_DATA_BYTES = 4095

/**
 * Mounts the root on `mountPoint` of the (already slave) mount namespace and leaves it in the `root` slot.
 *
 * @throws GantryError `invalid_argument` where an old kernel cannot take that many layers.
 */
export function compileRootfs(
  rootfs: RootfsMount,
  mountPoint: string,
  lowerdirPlus: boolean,
  user: UserNamespace | undefined,
): Op[] {
  const attach = [
    op('open', PLAN_SLOTS.target, mountPoint, OPEN.path | OPEN.directory, 0),
    op('move_mount', PLAN_SLOTS.root, PLAN_SLOTS.target),
  ]
  if (rootfs.kind === 'bind') {
    return forPurpose(`mount root "${rootfs.source}"`, [
      op('open_tree', PLAN_SLOTS.root, undefined, rootfs.source, CLONE_TREE | RECURSIVE),
      ...(user === undefined || rootfs.hasHostIds ? [] : [op('idmap_mount', PLAN_SLOTS.root, user.slot, 0)]),
      ...attach,
    ])
  }
  const purpose = `mount overlay on "/" (upperdir "${rootfs.upperdir ?? ''}", ${rootfs.lowerdirs.length} layers)`
  const [before, overlay] = user === undefined ? [[], rootfs] : idMapped(rootfs, mountPoint, user)
  if (!lowerdirPlus) return forPurpose(purpose, [...before, ...overlayByMount(overlay, mountPoint)])
  return forPurpose(purpose, [...before, ...overlayByFsconfig(overlay), ...attach])
}

/**
 * Overlayfs takes id-mapped layers (Linux 5.19), not an id-mapped overlay: the directory that holds all of them is laid,
 * id-mapped, on the mount point, the layers are taken from there, and the overlay then covers it. The upper directory
 * stays as it is, with the host's ids: overlayfs writes to it as the host's root, who has none behind the mapping, and
 * would fall back to a read-only mount.
 */
function idMapped(rootfs: Overlay, mountPoint: string, user: UserNamespace): [Op[], Overlay] {
  const base = commonDirectory(rootfs.lowerdirs)
  const moved = (path: string): string => `${mountPoint}/${path.slice(base.length)}`
  const ops = [
    op('open_tree', PLAN_SLOTS.mount, undefined, base === '' ? '/' : base, CLONE_TREE),
    op('idmap_mount', PLAN_SLOTS.mount, user.slot, 0),
    op('open', PLAN_SLOTS.target, mountPoint, OPEN.path | OPEN.directory, 0),
    op('move_mount', PLAN_SLOTS.mount, PLAN_SLOTS.target),
    ...(rootfs.upperdir === undefined ? [] : giveToRoot(rootfs.upperdir, user)),
  ]
  return [ops, { ...rootfs, lowerdirs: rootfs.lowerdirs.map(moved) }]
}

/** What the container sees as the owner of "/" is the upper directory's. */
function giveToRoot(upperdir: string, user: UserNamespace): Op[] {
  const [uid, gid] = [hostId(0, user.uids, 'uid'), hostId(0, user.gids, 'gid')]
  return [
    op('open', PLAN_SLOTS.work, upperdir, OPEN.rdonly | OPEN.directory, 0),
    op('chown_slot', PLAN_SLOTS.work, uid, gid),
    op('close', PLAN_SLOTS.work),
  ]
}

type Overlay = Extract<RootfsMount, { kind: 'overlay' }>

function overlayByFsconfig(rootfs: Overlay): Op[] {
  const fs = PLAN_SLOTS.work
  return [
    op('fsopen', fs, 'overlay'),
    ...rootfs.lowerdirs.map((directory) => op('fsconfig_string', fs, 'lowerdir+', directory)),
    ...(rootfs.upperdir === undefined ? [] : [op('fsconfig_string', fs, 'upperdir', rootfs.upperdir)]),
    ...(rootfs.workdir === undefined ? [] : [op('fsconfig_string', fs, 'workdir', rootfs.workdir)]),
    op('fsmount', PLAN_SLOTS.root, fs, 0n),
  ]
}

/** Before Linux 6.5: one string for mount(2), with the layers' common directory as working directory to keep it short. */
function overlayByMount(rootfs: Overlay, mountPoint: string): Op[] {
  const base = commonDirectory(rootfs.lowerdirs)
  const relative = rootfs.lowerdirs.map((directory) => escapeOverlay(directory.slice(base.length)))
  const data = [
    `lowerdir=${relative.join(':')}`,
    ...(rootfs.upperdir === undefined ? [] : [`upperdir=${escapeOverlay(rootfs.upperdir)}`]),
    ...(rootfs.workdir === undefined ? [] : [`workdir=${escapeOverlay(rootfs.workdir)}`]),
  ].join(',')
  if (data.length > MAX_MOUNT_DATA_BYTES) {
    throw new GantryError('invalid_argument', {
      action: 'mount overlay',
      reason: `${rootfs.lowerdirs.length} layers need ${data.length} bytes of options, this kernel takes ${MAX_MOUNT_DATA_BYTES}`,
      hint: 'Linux 6.5 has no such limit',
    })
  }
  return [
    op('chdir', base === '' ? '/' : base),
    op('mount', 'overlay', mountPoint, 'overlay', 0n, data),
    op('open', PLAN_SLOTS.root, mountPoint, OPEN.path | OPEN.directory, 0),
  ]
}

function commonDirectory(paths: readonly string[]): string {
  const first = paths[0] ?? ''
  for (let end = first.lastIndexOf('/'); end > 0; end = first.lastIndexOf('/', end - 1)) {
    const prefix = first.slice(0, end + 1)
    if (paths.every((path) => path.startsWith(prefix) && path.length > prefix.length)) return prefix
  }
  return ''
}

/** `:` and `\` separate and escape layers, `,` separates options. */
function escapeOverlay(path: string): string {
  return path.replace(/[\\:,]/g, (character) => `\\${character}`)
}
