// SPDX-License-Identifier: Apache-2.0
import type { OciMount } from '../../spec/types.ts'
import { type Op, op } from '../ops.ts'
import type { ContainerInput } from './input.ts'
import { ATTR, type MountOptions, PROPAGATION } from './mount-options.ts'
import { checkTarget } from './mount-target.ts'
import { CLONE_TREE, PLAN_SLOTS } from './slots.ts'

/**
 * /sys/fs/cgroup as a container sees it. On v2 it is the hierarchy itself, rooted at the container by its cgroup
 * namespace, or where it has none a bind of the host's; on v1 and hybrid hosts a tmpfs with a bind of the container's own directory of each controller.
 */
export function compileCgroupMount(mount: OciMount, options: MountOptions, input: ContainerInput): Op[] {
  if (input.host.cgroup.mode !== 'v2') return perController(mount, options, input)
  const own = input.spec.linux?.namespaces?.some(({ type, path }) => type === 'cgroup' && path === undefined)
  // A new mount made in the host's cgroup namespace would reset the options of the host's own mount (nsdelegate,
  // memory_recursiveprot): cgroup2 has them once for the whole system.
  return own === true ? unified(mount, options) : unifiedOfHost(mount, options, input)
}

function unifiedOfHost(mount: OciMount, options: MountOptions, { host }: ContainerInput): Op[] {
  return [
    op('open_tree', PLAN_SLOTS.mount, undefined, host.cgroup.unifiedMount ?? '/sys/fs/cgroup', CLONE_TREE),
    op('mount_setattr', PLAN_SLOTS.mount, 0, options.set, 0n, PROPAGATION.private),
    ...place(mount),
  ]
}

function unified(mount: OciMount, options: MountOptions): Op[] {
  return [
    op('fsopen', PLAN_SLOTS.work, 'cgroup2'),
    op('fsmount', PLAN_SLOTS.mount, PLAN_SLOTS.work, options.set),
    ...place(mount),
  ]
}

function perController(mount: OciMount, options: MountOptions, input: ContainerInput): Op[] {
  const readonly = options.set & ATTR.rdonly
  return [
    op('fsopen', PLAN_SLOTS.work, 'tmpfs'),
    op('fsconfig_string', PLAN_SLOTS.work, 'mode', '755'),
    op('fsmount', PLAN_SLOTS.mount, PLAN_SLOTS.work, options.set & ~ATTR.rdonly),
    ...place(mount),
    ...input.cgroup.joinFiles.flatMap((file) => {
      const directory = file.slice(0, file.lastIndexOf('/'))
      const controller = controllerOf(directory, input)
      return controller === undefined
        ? []
        : bindController(directory, { ...mount, destination: `${mount.destination}/${controller}` }, options.set)
    }),
    // Made read-only last, for the directories above had to be created in it.
    ...(readonly === 0n
      ? []
      : [
          op('open_in', PLAN_SLOTS.target, PLAN_SLOTS.root, mount.destination, 0o200000),
          op('mount_setattr', PLAN_SLOTS.target, 0, readonly, 0n, 0n),
        ]),
  ]
}

/** The name of the hierarchy that the container's directory is in. */
function controllerOf(directory: string, input: ContainerInput): string | undefined {
  for (const mountpoint of input.host.cgroup.v1.values()) {
    if (directory.startsWith(`${mountpoint}/`)) return mountpoint.slice(mountpoint.lastIndexOf('/') + 1)
  }
  return undefined
}

function bindController(directory: string, mount: OciMount, attributes: bigint): Op[] {
  return [
    op('open_tree', PLAN_SLOTS.mount, undefined, directory, CLONE_TREE),
    op('mount_setattr', PLAN_SLOTS.mount, 0, attributes, 0n, 0n),
    ...place(mount),
  ]
}

function place(mount: OciMount): Op[] {
  return [
    op('make_target', PLAN_SLOTS.target, PLAN_SLOTS.root, mount.destination, undefined, 0, 0),
    ...checkTarget(mount),
    op('move_mount', PLAN_SLOTS.mount, PLAN_SLOTS.target),
    op('close', PLAN_SLOTS.mount),
  ]
}
