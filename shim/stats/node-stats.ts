// SPDX-License-Identifier: Apache-2.0
import type { CgroupHost } from '../../runtime-core/cgroup/detect.ts'
import { cgroupPathOf, parentPathOf } from '../../runtime-core/cgroup/path.ts'
import type { Container } from '../container/container.ts'
import type { Objects } from '../node/objects.ts'
import type { Sandbox } from '../pod/sandbox.ts'
import { BlockDevices } from './block-devices.ts'
import { hugePageSizes } from './cgroup-extras.ts'
import { FileSystemReader } from './file-system.ts'
import { LayerUsage } from './layers.ts'
import { CgroupSampler, type Target } from './sampler.ts'
import { type PodTraffic, TrafficReader } from './traffic.ts'

export interface NodeStatsOptions {
  readonly objects: Objects
  readonly cgroupHost: CgroupHost
  /** Mount point that ImageFsInfo tells of the file system of writable layers. */
  readonly layersMountpoint: string
  /** Nanoseconds since 1970. */
  readonly now: () => bigint
  /** Figures that could not be read; they are missing in answers until they can be. */
  readonly onError: (what: string, error: unknown) => void
}

/** Renewal and patience of the measuring of writable layers. */
const LAYER_MAX_AGE_MS = 2_000
const LAYER_DEADLINE_MS = 30_000

/** The sources of all figures, shared by all questions. */
export class NodeStats {
  readonly host: CgroupHost
  readonly sampler: CgroupSampler
  readonly layers: LayerUsage
  readonly fileSystem: FileSystemReader
  readonly devices = new BlockDevices()
  readonly layersMountpoint: string
  /** Of the hugetlb controller, `2MB`; none without it. */
  readonly hugePageSizes: readonly string[]
  readonly #objects: Objects
  readonly #traffic: TrafficReader

  constructor(options: NodeStatsOptions) {
    const { objects, now, onError, layersMountpoint } = options
    this.host = options.cgroupHost
    this.layersMountpoint = layersMountpoint
    this.hugePageSizes = hugePageSizes(this.host)
    this.#objects = objects
    this.#traffic = new TrafficReader(now)
    this.sampler = new CgroupSampler({
      host: this.host,
      now,
      onError: (path, error) => onError(`cgroup ${path}`, error),
    })
    this.layers = new LayerUsage({
      now,
      maxAgeMs: LAYER_MAX_AGE_MS,
      deadlineMs: LAYER_DEADLINE_MS,
      onError: (error) => onError('writable layers', error),
    })
    this.fileSystem = new FileSystemReader(layersMountpoint, now, (error) => onError(layersMountpoint, error))
  }

  /** Traffic of a pod; undefined on the host's network, and until a process of it has run. */
  traffic({ record, pod }: Sandbox): PodTraffic | undefined {
    const netnsPath = pod?.namespacePaths.network
    if (netnsPath === undefined) return undefined
    const pids = this.#objects.containersOf(record.id).flatMap(({ record: { pid } }) => (pid > 0 ? [pid] : []))
    return this.#traffic.read({ id: record.id, netnsPath, pids })
  }

  /** Ends what goes on in the background. */
  close(): void {
    this.sampler.close()
    this.layers.close()
  }

  /** Forgets what belongs to nobody any more: for those who ask for everything. */
  tidy(): void {
    this.#traffic.keep(this.#objects.sandboxes)
    const containers = [...this.#objects.containers.values()]
    this.layers.keep(new Set(containers.flatMap(({ record }) => record.rootfs?.upperdir ?? [])))
  }
}

/** A running container's cgroup. */
export function targetOf({ record }: Container): Target | undefined {
  const path = record.spec?.linux?.cgroupsPath
  return path === undefined ? undefined : { path: cgroupPathOf(path), startedAtNs: record.startedAtNs }
}

/**
 * The cgroup of a pod as a whole: what the kubelet made for it. Undefined where there is none or pods share it, so that
 * its figures would be of others too.
 */
export function podTargetOf(objects: Objects, { record }: Sandbox): Target | undefined {
  const path = record.config.linux?.cgroupParent ?? ''
  if (path === '') return undefined
  const others = objects.sandboxes.values().filter(({ record: other }) => other.id !== record.id)
  const shared = others.some(
    ({ record: other }) => other.state === 'ready' && other.config.linux?.cgroupParent === path,
  )
  return shared ? undefined : { path: parentPathOf(path), startedAtNs: 0n }
}
