// SPDX-License-Identifier: Apache-2.0
import { ContainerConfig, ContainerState, type Signal } from '../../cri-proto/index.ts'
import type { OciSpec } from '../../runtime-core/spec/types.ts'
import type { RecordCodec } from '../store/record-table.ts'

/** The overlay of a container's root: layers newest first, and its writable directories. */
export interface OverlayRoot {
  readonly lowerdirs: readonly string[]
  readonly upperdir: string
  readonly workdir: string
}

/** `creating` and `removing` are intents: a crash undoes the one and finishes the other. */
export type ContainerLife = 'creating' | 'created' | 'running' | 'exited' | 'removing'

/** What is known of a container and survives the daemon. Immutable; a change is a new value. */
export interface ContainerRecord {
  readonly id: string
  /** `name_attempt` within its pod: unique. */
  readonly uniqueName: string
  readonly sandboxId: string
  readonly state: ContainerLife
  readonly config: ContainerConfig
  /** Absent until the container is created. */
  readonly spec: OciSpec | undefined
  readonly imageId: string
  /** The reference the kubelet asked by, and the digest it stands for. */
  readonly imageName: string
  readonly imageRef: string
  /** Keys of the image's layers, oldest first: held while the container is there. */
  readonly chain: readonly string[]
  /** The same of each image that is mounted as a volume. */
  readonly volumeChains: readonly (readonly string[])[]
  readonly rootfs: OverlayRoot | undefined
  /** Host directories of the volumes that the image declares. */
  readonly imageVolumes: readonly string[]
  readonly createdAtNs: bigint
  readonly startedAtNs: bigint
  readonly finishedAtNs: bigint
  readonly exitCode: number
  readonly reason: string
  readonly message: string
  readonly pid: number
  /** Absolute; "" where no log is wanted. */
  readonly logPath: string
  readonly stopSignal: { readonly number: number; readonly cri: Signal }
}

/** A container in memory. */
export interface Container {
  record: ContainerRecord
  /** Resolves when the container has ended and its record says so. */
  readonly ended: PromiseWithResolvers<void>
  /** The stop signal has been sent: a second StopContainer only waits. */
  stopping: boolean
  /** Whether its cgroup may be there: not before its start, not after its removal. A recovered container may have one. */
  hasCgroup: boolean
}

export const containerCodec: RecordCodec<ContainerRecord> = {
  table: 'containers',
  encodeConfig: ({ config }) => ContainerConfig.encode(config).finish(),
  spec: ({ spec }) => spec ?? null,
  large: ({ config, spec }) => [config, spec],
  fields: ({ config: _, spec: __, ...fields }) => fields,
  decode: (config, spec, fields) => ({
    ...(fields as Omit<ContainerRecord, 'config' | 'spec'>),
    spec: (spec as OciSpec | null) ?? undefined,
    config: ContainerConfig.decode(config),
  }),
}

/** Wraps a record for the time it is in memory. */
export function containerOf(record: ContainerRecord): Container {
  const ended = Promise.withResolvers<void>()
  if (record.state === 'exited') ended.resolve()
  return { record, ended, stopping: false, hasCgroup: true }
}

/** The unique name of a container. */
export function containerUniqueName(sandboxId: string, config: ContainerConfig): string {
  return `${sandboxId}/${config.metadata?.name ?? ''}_${config.metadata?.attempt ?? 0}`
}

/** What the CRI calls this state; undefined for one that is not to be seen. */
export function criContainerState(life: ContainerLife): ContainerState | undefined {
  switch (life) {
    case 'created':
      return ContainerState.CONTAINER_CREATED
    case 'running':
      return ContainerState.CONTAINER_RUNNING
    case 'exited':
    case 'removing':
      return ContainerState.CONTAINER_EXITED
    case 'creating':
      return undefined
  }
}
