// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readFileSync } from 'node:fs'
import type { CgroupMode as CgroupHostMode } from '../cgroup/detect.ts'
import type { CgroupPlan } from '../cgroup/manager.ts'
import { GantryError } from '../errors.ts'
import { parseMountInfo } from '../kernel/mountinfo.ts'
import type { OciSpec } from '../spec/types.ts'
import { callCriu, STATUS_FD } from './criu.ts'
import { describeStdio, externalFiles, writeDescriptors } from './descriptors.ts'
import { resolveInRoot } from './in-root.ts'
import { externalMounts } from './mounts.ts'
import { externalNamespaces } from './namespaces.ts'
import { type CriuOptions, criuRequest } from './request.ts'

export const DUMP_LOG = 'dump.log'

/** What the caller may choose; the rest follows from the container. */
export type DumpOptions = Pick<
  CriuOptions,
  | 'leaveRunning'
  | 'extUnixSk'
  | 'tcpEstablished'
  | 'tcpSkipInFlight'
  | 'shellJob'
  | 'fileLocks'
  | 'linkRemap'
  | 'lazyPages'
  | 'autoDedup'
  | 'parentImages'
  | 'pageServer'
  | 'cgroupMode'
  | 'emptyNamespaces'
  | 'statusFd'
>

export interface DumpRequest {
  /** The keeper's program, which talks to CRIU. */
  readonly keeper: string
  readonly criu: string
  readonly id: string
  /** Of the container's first process. */
  readonly pid: number
  readonly spec: OciSpec
  readonly cgroup: Pick<CgroupPlan, 'freezer'>
  readonly cgroupMode: CgroupHostMode
  /** Directories; made where they are missing. */
  readonly images: string
  readonly work: string
  /** Memory only; the container runs on, and a later dump names these images as its `parentImages`. */
  readonly preDump: boolean
  readonly options: DumpOptions
}

/**
 * Writes the state of a running container to images (criu(8), dump and pre-dump).
 *
 * @throws GantryError with CRIU's own words; the container runs on then.
 */
export async function dumpContainer(request: DumpRequest): Promise<void> {
  const { spec, pid, images, work, options } = request
  refuseUserNamespace(request)
  for (const directory of [images, work]) mkdirSync(directory, { recursive: true, mode: 0o700 })
  const mounts = parseMountInfo(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'))
  const descriptors = describeStdio(pid, mounts)
  const resolve = (path: string): string => resolveInRoot(`/proc/${pid}/root`, path)
  const external = [
    ...externalMounts(spec, mounts, resolve, request.cgroupMode).map(
      ({ mountPoint, key }) => `mnt[${mountPoint}]:${key}`,
    ),
    ...externalNamespaces(spec, pid),
    ...externalFiles(descriptors),
  ]
  writeDescriptors(images, descriptors)
  await callCriu({
    keeper: request.keeper,
    criu: request.criu,
    images,
    work,
    logFile: DUMP_LOG,
    ...(options.statusFd === undefined ? {} : { statusFd: options.statusFd }),
    action: request.preDump ? 'pre-dump container' : 'checkpoint container',
    subject: request.id,
    request: criuRequest(request.preDump ? 'pre-dump' : 'dump', {
      ...options,
      ...(options.statusFd === undefined ? {} : { statusFd: STATUS_FD }),
      pid,
      logFile: DUMP_LOG,
      trackMemory: request.preDump || options.parentImages !== undefined,
      cgroupMode: options.cgroupMode ?? 'soft',
      ...(request.cgroup.freezer === undefined ? {} : { freezeCgroup: request.cgroup.freezer.directory }),
      external,
      ...configOf(spec),
    }),
  })
}

/** A bundle may name a file with further options, as runc and crun have it. */
export function configOf({ annotations = {} }: OciSpec): { configFile?: string } {
  const configFile = annotations['org.criu.config']
  return configFile === undefined || configFile === '' ? {} : { configFile }
}

/** Its mounts are id-mapped, which CRIU does not know how to make again. */
export function refuseUserNamespace({ spec, id }: { readonly spec: OciSpec; readonly id: string }): void {
  if (spec.linux?.namespaces?.some(({ type }) => type === 'user') !== true) return
  throw new GantryError('unimplemented', {
    action: 'checkpoint or restore container',
    subject: id,
    reason: 'it has a user namespace of its own',
  })
}
