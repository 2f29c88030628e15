// SPDX-License-Identifier: Apache-2.0

import type { MountEntry } from '../kernel/mountinfo.ts'
import { compileCgroupOps } from '../plan/compile/cgroup.ts'
import type { ContainerInput } from '../plan/compile/input.ts'
import { compileLifecycle } from '../plan/compile/lifecycle.ts'
import { PROPAGATION } from '../plan/compile/mount-options.ts'
import { copyPodShm } from '../plan/compile/mounts.ts'
import { candidates, compileStdio } from '../plan/compile/process.ts'
import { compileRootfs } from '../plan/compile/rootfs.ts'
import { CLONE, MS, OPEN, PLAN_SLOTS } from '../plan/compile/slots.ts'
import { forPurpose, type Op, op, type Plan } from '../plan/ops.ts'
import type { OciNamespaceType, OciSpec } from '../spec/types.ts'
import { inheritedStdio } from './descriptors.ts'
import { configOf } from './dump.ts'
import { bindsOf, restoredMounts } from './mounts.ts'
import { INHERITED, JOINED, pathOf } from './namespaces.ts'
import { type CriuOptions, criuRequest } from './request.ts'

export const RESTORE_LOG = 'restore.log'

/** What the caller of a restore may choose. */
export type RestoreOptions = Pick<
  CriuOptions,
  | 'extUnixSk'
  | 'tcpEstablished'
  | 'shellJob'
  | 'fileLocks'
  | 'lazyPages'
  | 'autoDedup'
  | 'cgroupMode'
  | 'emptyNamespaces'
  | 'lsmProfile'
  | 'lsmMountContext'
>

type Common = Pick<
  ContainerInput,
  | 'spec'
  | 'rootfs'
  | 'mountPoint'
  | 'cgroup'
  | 'host'
  | 'podNamespaces'
  | 'podShm'
  | 'stdio'
  | 'lifecycle'
  | 'makeBindSources'
>

export interface RestoreInput extends Common {
  readonly criu: string
  /** CRIU runs programs by name: tar, iptables. */
  readonly searchPath: string
  /** Absolute. */
  readonly images: string
  readonly work: string
  /** What the standard streams were: descriptors.json of the images. */
  readonly descriptors: readonly string[]
  /** Mounts of the host. */
  readonly hostMounts: readonly MountEntry[]
  /** An existing directory on which the pod's /dev/shm is mounted for CRIU. */
  readonly shmPoint?: string
  readonly options: RestoreOptions
}

/** Descriptor numbers in CRIU, above all that a plan holds. */
const LINK_FD = 100
const FIRST_INHERITED_FD = 101
const FIRST_JOINED_FD = 110

const PR_SET_PDEATHSIG = 1
const SIGKILL = 9

/**
 * The plan by which CRIU restores a container as a child of who runs it (criu(8), restore): the root is mounted where
 * CRIU takes it from, in a mount namespace of CRIU's own; CRIU is born into the container's cgroup, which is then that of
 * all it makes.
 */
export function compileRestore(input: RestoreInput): Plan {
  const cgroup = compileCgroupOps(input.cgroup)
  const lifecycle = compileLifecycle(input.spec.hooks, input.lifecycle)
  const inherited = inheritNamespaces(input)
  const joined = joinNamespaces(input)
  const externals = restoredMounts(mountedSpec(input), input.hostMounts, cgroupDirectories(input))
  const request = criuRequest('restore', {
    ...input.options,
    logFile: RESTORE_LOG,
    root: input.mountPoint,
    sibling: true,
    cgroupMode: input.options.cgroupMode ?? 'ignore',
    ...(input.options.cgroupMode === undefined ? {} : { cgroupRoot: cgroupRootOf(input) }),
    external: externals.map(({ key, hostPath }) => `mnt[${key}]:${hostPath}`),
    inherit: [...inheritedStdio(input.descriptors), ...inherited.map(({ key, fd }) => ({ key, fd }))],
    join: joined.map(({ namespace, path }) => ({ namespace, path })),
    ...configOf(input.spec),
  })
  return {
    cloneFlags: CLONE.mount | cgroup.cloneFlags,
    prepare: [...lifecycle.prepare, ...cgroup.prepare],
    parent: [
      ...forPurpose('open images', [
        op('open', PLAN_SLOTS.root, input.images, OPEN.rdonly | OPEN.directory, 0),
        op('open', PLAN_SLOTS.work, input.work, OPEN.rdonly | OPEN.directory, 0),
      ]),
      op('resume_child'),
      ...forPurpose('CRIU', [op('await_restore', PLAN_SLOTS.root, PLAN_SLOTS.work, request)]),
      ...restoreSpans(lifecycle.parent),
    ],
    child: [
      ...cgroup.child,
      op('mount', undefined, '/', undefined, MS.rec | MS.slave, undefined),
      ...bindsOf(input.spec).flatMap((mount) => (input.makeBindSources ? makeSource(input, mount.source) : [])),
      ...compileRootfs(input.rootfs, input.mountPoint, input.host.overlayLowerdirPlus, undefined),
      ...podShm(input),
      ...(input.stdio === 'inherit' ? [] : compileStdio(input.stdio, input.spec.process ?? { cwd: '/' }, undefined)),
      ...[...inherited, ...joined].flatMap(({ open }) => open),
      ...ownCgroupNamespace(input.spec),
      op('setsid'),
      op('chdir', '/'),
      op('sync_parent'),
      op('hand_on_sync', LINK_FD),
      ...(input.lifecycle === undefined ? [op('prctl', PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)] : []),
      op('reset_signals'),
      ...forPurpose('start CRIU', [
        op('execve', candidates(input.criu, []), [input.criu, 'swrk', String(LINK_FD)], [`PATH=${input.searchPath}`]),
      ]),
    ],
  }
}

/**
 * The parent section of a start has, or has not, a part for the runtime's hooks before that for pid files; a restore has
 * always both, for CRIU stops at either.
 */
function restoreSpans(parent: readonly Op[]): readonly Op[] {
  const marks = parent.filter(({ name }) => name === 'resume_child').length
  return [...Array.from({ length: 2 - marks }, () => op('resume_child')), ...parent]
}

/** The network and PID namespaces of others: kept open in CRIU, by the key that the images have for them. */
function inheritNamespaces(input: RestoreInput): { key: string; fd: number; open: readonly Op[] }[] {
  return Object.entries(INHERITED).flatMap(([type, { key }], index) => {
    const path = pathOf(input.spec, type as OciNamespaceType)
    if (path === undefined) return []
    const fd = FIRST_INHERITED_FD + index
    const slot = input.podNamespaces.get(path)
    const open =
      slot === undefined
        ? [op('open', PLAN_SLOTS.target, path, OPEN.rdonly | OPEN.nonblock, 0), op('dup_to', PLAN_SLOTS.target, fd)]
        : [op('dup_to', slot, fd)]
    return [{ key, fd, open: forPurpose(`open ${type} namespace "${path}"`, open) }]
  })
}

/** Namespaces that CRIU makes anew unless it is told to join one, by path: a slot's is that of CRIU's own descriptor. */
function joinNamespaces(input: RestoreInput): { namespace: string; path: string; open: readonly Op[] }[] {
  return Object.entries(JOINED).flatMap(([type, namespace], index) => {
    const path = pathOf(input.spec, type as OciNamespaceType)
    if (path === undefined) return []
    const slot = input.podNamespaces.get(path)
    if (slot === undefined) return [{ namespace, path, open: [] }]
    const fd = FIRST_JOINED_FD + index
    return [{ namespace, path: `/proc/self/fd/${fd}`, open: [op('dup_to', slot, fd)] }]
  })
}

function ownCgroupNamespace({ linux }: OciSpec): Op[] {
  const own = linux?.namespaces?.some(({ type, path }) => type === 'cgroup' && path === undefined) === true
  return own ? [op('unshare', CLONE.cgroup)] : []
}

/** The paths of cgroup file systems in the container, by the names they have there. */
function cgroupDirectories({ cgroup, host }: RestoreInput): ReadonlyMap<string, string> {
  if (host.cgroup.mode === 'v2') return new Map([['', host.cgroup.unifiedMount ?? '/sys/fs/cgroup']])
  const directories = cgroup.joinFiles.map((file) => file.slice(0, file.lastIndexOf('/')))
  return new Map(
    directories.flatMap((directory) => {
      const mount = [...host.cgroup.v1.values()].find((point) => directory.startsWith(`${point}/`))
      return mount === undefined ? [] : [[mount.slice(mount.lastIndexOf('/') + 1), directory] as const]
    }),
  )
}

/** Below the mount of each hierarchy, as CRIU has it. */
function cgroupRootOf({ spec }: RestoreInput): string {
  const path = spec.linux?.cgroupsPath ?? ''
  return path.startsWith('/') ? path : `/${path}`
}

/** The pod's /dev/shm is nowhere but in the keeper's hands: where it is mounted for CRIU, it is a source like others. */
function mountedSpec({ spec, podShm, shmPoint }: RestoreInput): OciSpec {
  if (podShm === undefined || shmPoint === undefined || spec.mounts === undefined) return spec
  const mounts = spec.mounts.map((mount) => (mount.source === podShm ? { ...mount, source: shmPoint } : mount))
  return { ...spec, mounts }
}

function podShm({ podShm, shmPoint }: RestoreInput): Op[] {
  if (podShm === undefined || shmPoint === undefined) return []
  return forPurpose('mount the pod’s /dev/shm', [
    ...copyPodShm(),
    op('mount_setattr', PLAN_SLOTS.mount, 0, 0n, 0n, PROPAGATION.private),
    op('open', PLAN_SLOTS.target, shmPoint, OPEN.path | OPEN.directory, 0),
    op('move_mount', PLAN_SLOTS.mount, PLAN_SLOTS.target),
  ])
}

function makeSource({ podShm }: RestoreInput, source: string | undefined): Op[] {
  return source === undefined || source === podShm ? [] : [op('mkdir_host', source, 0o755)]
}
