// SPDX-License-Identifier: Apache-2.0
import { type LinuxContainerResources, PodSandboxConfig, PodSandboxState } from '../../cri-proto/index.ts'
import type { Pod } from '../../runtime-core/pod.ts'
import type { RecordCodec } from '../store/record-table.ts'

/**
 * A sandbox's life. `creating`: its intent is on record, a crash undoes it. `ready` → `notready` by a stop or the loss
 * of its keeper, never back. `removing`: a crash finishes it.
 */
export type SandboxLife = 'creating' | 'ready' | 'notready' | 'removing'

/** What is known of a sandbox and survives the daemon. Immutable; a change is a new value. */
export interface SandboxRecord {
  readonly id: string
  /** `name_namespace_uid_attempt`: unique. */
  readonly uniqueName: string
  readonly state: SandboxLife
  readonly config: PodSandboxConfig
  readonly runtimeHandler: string
  readonly createdAtNs: bigint
  readonly hostname: string
  /** Primary address first; empty on the host network. */
  readonly ips: readonly string[]
  /** A CNI ADD was begun, and no DEL has succeeded since. */
  readonly attached: boolean
  /** The pod's cgroup parent was made by us, and goes with the pod. */
  readonly ownsCgroupParent: boolean
  /** What UpdatePodSandboxResources said last; absent before, when the configuration holds. */
  readonly updated?: {
    readonly overhead?: LinuxContainerResources
    readonly resources?: LinuxContainerResources
  }
}

/** A sandbox in memory: its record, and its pod while that lives. */
export interface Sandbox {
  record: SandboxRecord
  pod: Pod | undefined
  /** Its network namespace, held open while it is attached: see holdNetns. */
  netnsFd?: number | undefined
}

export const sandboxCodec: RecordCodec<SandboxRecord> = {
  table: 'sandboxes',
  encodeConfig: ({ config }) => PodSandboxConfig.encode(config).finish(),
  spec: () => null,
  large: ({ config }) => [config],
  fields: ({ config: _, ...fields }) => fields,
  decode: (config, _, fields) => ({
    ...(fields as Omit<SandboxRecord, 'config'>),
    config: PodSandboxConfig.decode(config),
  }),
}

/** The unique name of a sandbox, as containerd forms it. */
export function sandboxUniqueName(config: PodSandboxConfig): string {
  const { name = '', namespace = '', uid = '', attempt = 0 } = config.metadata ?? {}
  return [name, namespace, uid, attempt].join('_')
}

/** What the CRI calls this state; undefined for one that is not to be seen yet or any more. */
export function criSandboxState(life: SandboxLife): PodSandboxState | undefined {
  switch (life) {
    case 'ready':
      return PodSandboxState.SANDBOX_READY
    case 'notready':
    case 'removing':
      return PodSandboxState.SANDBOX_NOTREADY
    case 'creating':
      return undefined
  }
}
