// SPDX-License-Identifier: Apache-2.0
import { posix } from 'node:path'
import { type IDMapping, type Mount, MountPropagation } from '../../cri-proto/index.ts'
import { GantryError } from '../../runtime-core/errors.ts'
import type { OciIdMapping, OciMount } from '../../runtime-core/spec/types.ts'
import { defaultMounts } from './default-mounts.ts'
import type { ImageConfig } from './host-facts.ts'
import { invalidField } from './invalid-field.ts'
import type { MountPropagationFact } from './mount-propagation.ts'
import { idMapping, type PodNamespaces } from './namespaces.ts'

/** What a requested mount really mounts. */
export interface MountSource {
  /** `host_path` with symbolic links resolved, or the directory of the image. */
  readonly hostPath: string
  /** An image whose directory is made of several layers: all of them, newest first, `hostPath` being the first. */
  readonly lowerdirs?: readonly string[]
  /** Of the mount that holds it; needed unless the propagation is PRIVATE. */
  readonly propagation?: MountPropagationFact | undefined
}

/** Paths on the node of what a pod's containers share. An absent file is not mounted. */
export interface PodPaths {
  readonly hostnameFile?: string
  readonly hostsFile?: string
  readonly resolvConfFile?: string
  /** The pod's tmpfs; `/dev/shm` where the pod uses the node's IPC namespace. */
  readonly shm: string
}

/** A volume that the image declares, as a directory of this container. */
export interface ImageVolume {
  readonly containerPath: string
  readonly hostPath: string
}

export interface MountsInput {
  readonly requested: readonly Mount[]
  /** One for each requested mount, in the same order; absent for an image that could not be mounted. */
  readonly sources: readonly (MountSource | undefined)[]
  readonly podPaths: PodPaths
  readonly imageVolumes: readonly ImageVolume[]
  readonly readonlyRootfs: boolean
  readonly privileged: boolean
  readonly pod: PodNamespaces
  readonly recursiveReadOnly: boolean
}

export interface ContainerMounts {
  readonly mounts: readonly OciMount[]
  /** Set where a mount passes mounts on. */
  readonly rootfsPropagation?: 'rshared' | 'rslave'
}

/**
 * All mounts of a container in the order to make them: the defaults, then pod files, volumes and requested mounts by
 * depth. A requested mount takes the place of a default one; one on /dev removes all defaults below it.
 *
 * @throws GantryError as {@link checkMounts}, and failed_precondition where the node's mount cannot propagate as asked.
 */
export function containerMounts(input: MountsInput): ContainerMounts {
  checkMounts(input.requested, input.recursiveReadOnly)
  const requested = input.requested.map((mount, at) => requestedMount(mount, input.sources[at], at))
  const taken = new Set(requested.map((mount) => mount.destination))
  const own = [...podFiles(input), ...volumes(input)].filter((mount) => !taken.has(mount.destination))
  // Stable: of two on one path the later lies over the earlier, and requested ones come before ours.
  const supplied = [...requested, ...own].sort((one, other) => depth(one.destination) - depth(other.destination))

  const destinations = new Set(supplied.map((mount) => mount.destination))
  const defaults = defaultMounts(input.pod, input.privileged).filter(
    ({ destination }) =>
      !destinations.has(destination) && !(destinations.has('/dev') && destination.startsWith('/dev/')),
  )
  const rootfsPropagation = strongestPropagation(input.requested)
  return { mounts: [...defaults, ...supplied], ...(rootfsPropagation === undefined ? {} : { rootfsPropagation }) }
}

/**
 * Checks requested mounts before anything is looked up on the node.
 *
 * @param recursiveReadOnly Whether the node can make a mount read-only with all below it.
 * @throws GantryError invalid_argument naming the field; failed_precondition `RROUnsupported`, which the kubelet looks for.
 */
export function checkMounts(mounts: readonly Mount[], recursiveReadOnly: boolean): void {
  for (const [at, mount] of mounts.entries()) checkMount(mount, `config.mounts[${at}]`, recursiveReadOnly)
}

/** The volumes of an image that no requested mount covers, as absolute paths. */
export function imageVolumePaths(image: ImageConfig, requested: readonly Mount[]): string[] {
  const taken = new Set(requested.map((mount) => inContainer(mount.containerPath)))
  const paths = new Set(Object.keys(image.Volumes ?? {}).map(inContainer))
  return [...paths].filter((path) => path !== '/' && !taken.has(path))
}

function checkMount(mount: Mount, field: string, recursiveReadOnly: boolean): void {
  const { containerPath, hostPath, readonly, propagation } = mount
  if (containerPath === '' || containerPath.includes('\0') || inContainer(containerPath) === '/') {
    throw invalidField(`${field}.container_path`, containerPath, 'a path below /')
  }
  if (!Object.values(MountPropagation).includes(propagation)) {
    throw invalidField(`${field}.propagation`, propagation, 'PRIVATE, HOST_TO_CONTAINER or BIDIRECTIONAL')
  }
  if (mount.image !== undefined) {
    if (hostPath !== '') throw invalidField(`${field}.host_path`, hostPath, 'none beside image')
    if (!readonly) throw invalidField(`${field}.readonly`, false, 'true for an image')
  } else if (!hostPath.startsWith('/') || hostPath.includes('\0')) {
    throw invalidField(`${field}.host_path`, hostPath, 'an absolute path')
  }
  if (mount.recursiveReadOnly) checkRecursiveReadOnly(mount, field, recursiveReadOnly)
  if ((mount.uidMappings.length === 0) !== (mount.gidMappings.length === 0)) {
    throw invalidField(`${field}.gidMappings`, `${mount.gidMappings.length} mappings`, 'uid and gid mappings together')
  }
}

function checkRecursiveReadOnly(mount: Mount, field: string, supported: boolean): void {
  if (!mount.readonly) throw invalidField(`${field}.recursive_read_only`, true, 'false without readonly')
  if (mount.propagation !== MountPropagation.PROPAGATION_PRIVATE) {
    throw invalidField(`${field}.recursive_read_only`, true, 'false unless propagation is PRIVATE')
  }
  if (supported) return
  throw new GantryError('failed_precondition', {
    action: 'mount',
    subject: mount.hostPath,
    reason: 'RROUnsupported: recursive read-only mounts need Linux 5.12',
  })
}

function requestedMount(mount: Mount, source: MountSource | undefined, at: number): OciMount {
  if (source === undefined) {
    const isImage = mount.image !== undefined
    throw new GantryError(isImage ? 'unimplemented' : 'internal', {
      action: 'mount',
      subject: mount.image?.image ?? mount.hostPath,
      reason: isImage ? 'images as volumes are not supported' : 'no source was looked up',
    })
  }
  if (source.lowerdirs !== undefined && source.lowerdirs.length > 1) return overlay(mount, source.lowerdirs)
  checkPropagation(mount, source)
  const access = mount.readonly ? (mount.recursiveReadOnly ? 'rro' : 'ro') : 'rw'
  return bind(inContainer(mount.containerPath), source.hostPath, [PROPAGATION[mount.propagation], access], {
    uids: mappings(mount.uidMappings, `config.mounts[${at}].uidMappings`),
    gids: mappings(mount.gidMappings, `config.mounts[${at}].gidMappings`),
  })
}

/** A read-only overlay; one option a layer, for a kernel that takes any number of them. */
function overlay(mount: Mount, lowerdirs: readonly string[]): OciMount {
  return {
    destination: inContainer(mount.containerPath),
    type: 'overlay',
    source: 'overlay',
    options: ['ro', ...lowerdirs.map((directory) => `lowerdir+=${directory}`)],
  }
}

const PROPAGATION = {
  [MountPropagation.PROPAGATION_PRIVATE]: 'rprivate',
  [MountPropagation.PROPAGATION_HOST_TO_CONTAINER]: 'rslave',
  [MountPropagation.PROPAGATION_BIDIRECTIONAL]: 'rshared',
} as const

function checkPropagation({ propagation, hostPath }: Mount, { propagation: fact }: MountSource): void {
  if (propagation === MountPropagation.PROPAGATION_PRIVATE || fact?.shared === true) return
  if (propagation === MountPropagation.PROPAGATION_HOST_TO_CONTAINER && fact?.slave === true) return
  const wanted = propagation === MountPropagation.PROPAGATION_BIDIRECTIONAL ? 'shared' : 'shared or slave'
  throw new GantryError('failed_precondition', {
    action: 'mount',
    subject: hostPath,
    reason: `the mount on ${JSON.stringify(fact?.mountPoint ?? hostPath)} is not ${wanted}`,
  })
}

/** The root must pass on what any mount below it passes on. */
function strongestPropagation(mounts: readonly Mount[]): 'rshared' | 'rslave' | undefined {
  const has = (wanted: MountPropagation) => mounts.some(({ propagation }) => propagation === wanted)
  if (has(MountPropagation.PROPAGATION_BIDIRECTIONAL)) return 'rshared'
  return has(MountPropagation.PROPAGATION_HOST_TO_CONTAINER) ? 'rslave' : undefined
}

/** Made for this pod, and given to the root of its user namespace: they need no id mapping, which a tmpfs may not have. */
function podFiles({ podPaths, readonlyRootfs }: MountsInput): OciMount[] {
  const access = readonlyRootfs ? 'ro' : 'rw'
  const files = [
    ['/etc/hostname', podPaths.hostnameFile],
    ['/etc/hosts', podPaths.hostsFile],
    ['/etc/resolv.conf', podPaths.resolvConfFile],
  ] as const
  const shm = bind('/dev/shm', podPaths.shm, ['rprivate', 'rw'])
  return [...files.flatMap(([path, file]) => (file === undefined ? [] : [bind(path, file, ['rprivate', access])])), shm]
}

function volumes({ imageVolumes }: MountsInput): OciMount[] {
  return imageVolumes.map((volume) => bind(inContainer(volume.containerPath), volume.hostPath, ['rprivate', 'rw']))
}

function bind(
  destination: string,
  source: string,
  options: readonly string[],
  ids?: { readonly uids: readonly OciIdMapping[]; readonly gids: readonly OciIdMapping[] },
): OciMount {
  const mount = { destination, type: 'bind', source, options: ['rbind', ...options] }
  if (ids === undefined || ids.uids.length === 0) return mount
  return { ...mount, uidMappings: ids.uids, gidMappings: ids.gids }
}

function mappings(list: readonly IDMapping[], field: string): OciIdMapping[] {
  return list.map((mapping) => idMapping(mapping, field))
}

/** Relative paths count from the root, as the OCI has it; `..` cannot leave it. */
function inContainer(path: string): string {
  return posix.resolve('/', path)
}

function depth(path: string): number {
  return path.split('/').length
}
