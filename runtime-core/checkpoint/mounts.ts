// SPDX-License-Identifier: Apache-2.0
import type { CgroupMode } from '../cgroup/detect.ts'
import type { MountEntry } from '../kernel/mountinfo.ts'
import { destinationOf } from '../plan/compile/mount-target.ts'
import type { OciMount, OciSpec } from '../spec/types.ts'

/** What a mount of the container shows that is not the container's own, and by which name the images know it. */
export interface ExternalMount {
  /** As the container's mountinfo has it: with symbolic links resolved. */
  readonly mountPoint: string
  /** The destination of config.json. */
  readonly key: string
}

/**
 * The mounts that CRIU must not dump as file systems of the container: binds of config.json and what is mounted below
 * them, masked files, devices that are bound, and on hosts with cgroup v1 the directories of the controllers.
 *
 * @param resolve Follows symbolic links inside the container.
 */
export function externalMounts(
  spec: OciSpec,
  mounts: readonly MountEntry[],
  resolve: (path: string) => string,
  cgroupMode: CgroupMode,
): readonly ExternalMount[] {
  const binds = new Map(bindsOf(spec).map((mount) => [resolve(destinationOf(mount)), destinationOf(mount)]))
  const masked = new Map((spec.linux?.maskedPaths ?? []).map((path) => [resolve(path), path]))
  const cgroups = showsHostCgroups(spec, cgroupMode) ? cgroupMountsOf(spec).map(destinationOf) : []
  const keyOf = ({ mountPoint, root, type }: MountEntry): string | undefined => {
    const bind = binds.get(mountPoint)
    if (bind !== undefined) return bind
    if (root !== '/' && (type === 'devtmpfs' || type === 'tmpfs') && masked.has(mountPoint))
      return masked.get(mountPoint)
    if (type === 'devtmpfs') return mountPoint
    if (type.startsWith('cgroup') && cgroups.some((path) => within(mountPoint, path))) return mountPoint
    return belowBind(mountPoint, binds)
  }
  return mounts.flatMap((mount) => {
    const key = mount.mountPoint === '/' ? undefined : keyOf(mount)
    return key === undefined ? [] : [{ mountPoint: mount.mountPoint, key }]
  })
}

function belowBind(mountPoint: string, binds: ReadonlyMap<string, string>): string | undefined {
  for (const [resolved, destination] of binds) {
    if (within(mountPoint, resolved)) return `${destination}${mountPoint.slice(resolved.length)}`
  }
  return undefined
}

function within(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`)
}

/** Binds in config.json, in the order given. */
export function bindsOf({ mounts = [] }: OciSpec): readonly OciMount[] {
  return mounts.filter(
    ({ type, options = [] }) => type === 'bind' || options.some((option) => option === 'bind' || option === 'rbind'),
  )
}

function cgroupMountsOf({ mounts = [] }: OciSpec): readonly OciMount[] {
  return mounts.filter(({ type }) => type === 'cgroup' || type === 'cgroup2')
}

/** Its cgroup file systems are binds of the host's: plan/compile/cgroup-mount.ts. */
function showsHostCgroups({ linux }: OciSpec, mode: CgroupMode): boolean {
  const own = linux?.namespaces?.some(({ type, path }) => type === 'cgroup' && path === undefined) === true
  return mode !== 'v2' || !own
}

/** What stands for each external mount when the container is restored: `mnt[key]:path` (criu(8), --external). */
export interface RestoredMount {
  readonly key: string
  readonly hostPath: string
}

/**
 * What stands for the external mounts at a restore. More than there are do no harm.
 *
 * @param host Mounts of the host: what is below a recursive bind's source.
 * @param cgroupDirectories The container's own, by what they are called below its cgroup mount; `''` for all of v2.
 */
export function restoredMounts(
  spec: OciSpec,
  host: readonly MountEntry[],
  cgroupDirectories: ReadonlyMap<string, string>,
): readonly RestoredMount[] {
  const binds = bindsOf(spec).flatMap((mount) => {
    const { source = '' } = mount
    const key = destinationOf(mount)
    const below =
      mount.options?.includes('bind') === true ? [] : host.filter(({ mountPoint }) => within(mountPoint, source))
    return [
      { key, hostPath: source },
      ...below
        .filter(({ mountPoint }) => mountPoint !== source)
        .map(({ mountPoint }) => ({ key: `${key}${mountPoint.slice(source.length)}`, hostPath: mountPoint })),
    ]
  })
  const masked = (spec.linux?.maskedPaths ?? []).map((key) => ({ key, hostPath: '/dev/null' }))
  const devices = (spec.linux?.devices ?? []).map(({ path }) => ({ key: path, hostPath: path }))
  const cgroups = cgroupMountsOf(spec).flatMap((mount) => {
    const base = destinationOf(mount)
    return [...cgroupDirectories].map(([controller, hostPath]) => ({
      key: controller === '' ? base : `${base}/${controller}`,
      hostPath,
    }))
  })
  return [...binds, ...masked, ...devices, ...cgroups]
}
