// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../errors.ts'
import type { OciLinux, OciMount, OciProcess, OciSpec } from '../../spec/types.ts'
import { forPurpose, type Op, op, type Plan } from '../ops.ts'
import { compileCgroupOps } from './cgroup.ts'
import { compileDevices } from './devices.ts'
import type { ContainerInput } from './input.ts'
import { compileIntelRdt } from './intel-rdt.ts'
import { compileLifecycle } from './lifecycle.ts'
import { ATTR, readPropagation } from './mount-options.ts'
import { destinationOf } from './mount-target.ts'
import { compileMounts } from './mounts.ts'
import { compileNamespaces } from './namespaces.ts'
import { compileNetDevices } from './net-devices.ts'
import {
  compileProcess,
  compileProcSettings,
  compileRlimits,
  compileStdio,
  compileTerminal,
  inheritStdio,
} from './process.ts'
import { compileRootfs } from './rootfs.ts'
import { compileListener } from './seccomp-listener.ts'
import { CLONE, MNT_DETACH, MS, PLAN_SLOTS } from './slots.ts'
import { compileContainerSysctls } from './sysctl.ts'
import { hostId, type UserNamespace, userNamespaceOf } from './user-namespace.ts'

/**
 * Compiles a bundle into the plan that starts it. Pure: the same input gives the same plan.
 * The order is explained where each operation is defined (plan/ops.ts).
 *
 * @throws GantryError `invalid_argument` or `unimplemented`, naming the field of config.json.
 */
export function compileContainer(input: ContainerInput): Plan {
  const { spec, host } = input
  const { process, linux = {} } = spec
  if (process === undefined)
    throw new GantryError('invalid_argument', { action: 'read process', reason: 'it is missing' })
  requireMountNamespace(linux)
  const user = userNamespaceOf(linux, input.podNamespaces)
  const namespaces = compileNamespaces(spec, input.podNamespaces, user)
  const sysctls = compileContainerSysctls(linux)
  const cgroup = compileCgroupOps(input.cgroup)
  const rdt = compileIntelRdt(spec, input.identity)
  const netDevices = compileNetDevices(linux)
  const listener = compileListener(input.seccomp, { spec, identity: input.identity, status: 'creating' })
  const lifecycle = compileLifecycle(spec.hooks, input.lifecycle)
  const mounts = compileMounts(spec.mounts ?? [], input, user)
  return {
    cloneFlags: namespaces.cloneFlags | cgroup.cloneFlags,
    prepare: [
      ...lifecycle.prepare,
      ...cgroup.prepare,
      ...rdt.prepare,
      ...netDevices.prepare,
      ...mounts.prepare,
      ...namespaces.prepare,
    ],
    parent: [...listener.parent, ...lifecycle.parent],
    child: [
      ...listener.child,
      ...cgroup.child,
      ...rdt.child,
      ...lifecycle.early,
      ...compileProcSettings(process, linux, host),
      ...namespaces.child,
      ...netDevices.child,
      ...namespaces.late,
      ...compileNames(input),
      ...sysctls.early,
      ...(user?.open ?? []),
      ...namespaces.mount,
      ...mounts.early,
      op('mount', undefined, '/', undefined, MS.rec | basePropagation(spec), undefined),
      ...compileRootfs(input.rootfs, input.mountPoint, host.overlayLowerdirPlus, user),
      ...mounts.main,
      ...compileDevices(linux.devices ?? [], hasOwnDev(spec.mounts ?? []), user),
      ...makeWorkingDirectory(process, user),
      ...compileMasks(spec, input.mountPoint),
      ...sysctls.hold,
      ...lifecycle.beforePivot,
      ...enterRoot(input.noPivot === true),
      // A session of its own, also without a terminal: else its process group is the keeper's, and `kill 0` reaches the pod.
      ...(process.terminal === true
        ? compileTerminal(process, user, true)
        : [
            ...(input.stdio === 'inherit' ? inheritStdio(process, user) : compileStdio(input.stdio, process, user)),
            op('setsid'),
          ]),
      ...finishRoot(spec),
      ...(user === undefined ? [] : [...compileRlimits(process), ...enterUserNamespace(user)]),
      ...sysctls.late,
      ...compileProcess(
        user === undefined ? process : { ...process, rlimits: [] },
        input.seccomp,
        host,
        input.lifecycle,
        lifecycle.beforeExec,
      ),
    ],
  }
}

/** The plan changes mounts everywhere: in the host's namespace they would be the host's. */
function requireMountNamespace({ namespaces = [] }: OciLinux): void {
  if (namespaces.some(({ type }) => type === 'mount')) return
  throw new GantryError('unimplemented', {
    action: 'read linux.namespaces',
    reason: 'a container needs a mount namespace that is not the host’s',
  })
}

/** `hostname` and `domainname`: in the container's UTS namespace, unless that is the pod's, which has its name. */
function compileNames({ spec, podNamespaces }: ContainerInput): Op[] {
  const uts = spec.linux?.namespaces?.find(({ type }) => type === 'uts')
  if (uts === undefined || (uts.path !== undefined && podNamespaces.has(uts.path))) return []
  return [
    ...(spec.hostname ? [op('set_hostname', spec.hostname)] : []),
    ...(spec.domainname ? [op('set_domainname', spec.domainname)] : []),
  ]
}

/** The host's mounts must not be touched by what follows: slave, unless the bundle asks for private. */
function basePropagation(spec: OciSpec): bigint {
  return spec.linux?.rootfsPropagation?.endsWith('private') === true ? MS.private : MS.slave
}

/** /dev is a file system of the container's, or a directory of its image: not the host's. */
function hasOwnDev(mounts: readonly OciMount[]): boolean {
  const dev = mounts.findLast((mount) => destinationOf(mount) === '/dev')
  const isBind = dev?.type === 'bind' || dev?.options?.some((option) => option === 'bind' || option === 'rbind')
  return isBind !== true
}

/** A missing working directory is made, owned by the user, as every peer does. */
function makeWorkingDirectory({ cwd, user: owner }: OciProcess, user: UserNamespace | undefined): Op[] {
  if (cwd === '/') return []
  const uid = hostId(owner?.uid ?? 0, user?.uids, 'uid')
  const gid = hostId(owner?.gid ?? 0, user?.gids, 'gid')
  return forPurpose(`make working directory "${cwd}"`, [op('mkdir_in', PLAN_SLOTS.root, cwd, 0o755, uid, gid)])
}

/**
 * Masked and read-only paths (config-linux.md). Directories are covered by clones of one empty tmpfs; to be cloned on
 * every kernel it has to be attached somewhere, which is over the mount point on the old root: it goes with it.
 */
function compileMasks(spec: OciSpec, mountPoint: string): Op[] {
  const { maskedPaths = [], readonlyPaths = [] } = spec.linux ?? {}
  const masks =
    maskedPaths.length === 0
      ? []
      : [
          op('open', PLAN_SLOTS.null, '/dev/null', 0o10000000, 0),
          op('fsopen', PLAN_SLOTS.work, 'tmpfs'),
          op('fsconfig_string', PLAN_SLOTS.work, 'size', '0'),
          op('fsmount', PLAN_SLOTS.empty, PLAN_SLOTS.work, ATTR.rdonly | ATTR.nosuid | ATTR.nodev | ATTR.noexec),
          op('open', PLAN_SLOTS.target, `${mountPoint}/..`, 0o10000000 | 0o200000, 0),
          op('move_mount', PLAN_SLOTS.empty, PLAN_SLOTS.target),
          ...maskedPaths.flatMap((path) =>
            forPurpose(`mask "${path}"`, [op('mask_path', PLAN_SLOTS.root, path, PLAN_SLOTS.null, PLAN_SLOTS.empty)]),
          ),
        ]
  return [
    ...readonlyPaths.flatMap((path) =>
      forPurpose(`make "${path}" read-only`, [op('readonly_path', PLAN_SLOTS.root, path)]),
    ),
    ...masks,
  ]
}

function enterRoot(noPivot: boolean): Op[] {
  return [
    op('fchdir', PLAN_SLOTS.root),
    ...(noPivot
      ? [op('mount', '.', '/', undefined, MS.move, undefined), op('chroot', '.')]
      : [op('pivot_root', '.', '.'), op('umount', '.', MNT_DETACH)]),
    op('chdir', '/'),
  ]
}

/** What would be in the way of making mount points, the console's being the last. */
function finishRoot(spec: OciSpec): Op[] {
  const propagation = spec.linux?.rootfsPropagation
  return [
    ...(spec.root?.readonly === true ? [op('mount_setattr', PLAN_SLOTS.root, 0, ATTR.rdonly, 0n, 0n)] : []),
    ...(propagation === undefined ? [] : [finalPropagation(propagation)]),
  ]
}

/**
 * The user namespace comes after the mounts, which are the host's root's to make; the mount namespace is made anew in it,
 * so that the container's root owns its own, and everything the host's root mounted is locked for it.
 */
function enterUserNamespace(user: UserNamespace): Op[] {
  return forPurpose('enter user namespace', [op('setns', user.slot, CLONE.user), op('unshare', CLONE.mount)])
}

function finalPropagation(propagation: string): Op {
  const { flag, recursive } = readPropagation(propagation)
  return op('mount', undefined, '/', undefined, flag | (recursive ? MS.rec : 0n), undefined)
}
