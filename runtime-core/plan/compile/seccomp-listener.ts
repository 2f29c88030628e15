// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../errors.ts'
import type { OciSpec } from '../../spec/types.ts'
import { forPurpose, type Op, op, SLOTS } from '../ops.ts'
import type { ContainerIdentity, SeccompFilter } from './input.ts'
import { NEW_LISTENER } from './seccomp.ts'

export interface ListenerOps {
  readonly parent: readonly Op[]
  readonly child: readonly Op[]
}

interface ListenedContainer {
  readonly spec: OciSpec | undefined
  readonly identity: ContainerIdentity | undefined
  /** Of the container at this time (runtime.md §state). */
  readonly status: 'creating' | 'running'
}

const NONE: ListenerOps = { parent: [], child: [] }
/** The keeper puts the process's pid in its place; no JSON has a zero byte. */
const PID = '\0'

/**
 * Brings the descriptor of a filter with SCMP_ACT_NOTIFY to its listener (config-linux.md §seccomp, `listenerPath`),
 * with the state of the process. The child waits for its parent first: who will carry the descriptor has to be ready.
 *
 * @throws GantryError `failed_precondition` where the caller does not know what the listener is to be told.
 */
export function compileListener(filter: SeccompFilter | undefined, container: ListenedContainer): ListenerOps {
  if (filter === undefined || (filter.flags & NEW_LISTENER) === 0) return NONE
  const { spec, identity } = container
  const path = spec?.linux?.seccomp?.listenerPath
  if (spec === undefined || identity === undefined || !path) {
    throw new GantryError('failed_precondition', {
      action: 'reach seccomp listener',
      reason: 'linux.seccomp.listenerPath, the container’s id or its bundle is not known',
    })
  }
  const message = processState(spec, identity, container.status)
  return {
    parent: [
      ...forPurpose(`reach seccomp listener "${path}"`, [op('seccomp_courier', SLOTS.child, path, message)]),
      op('resume_child'),
    ],
    child: [op('sync_parent')],
  }
}

/** config-linux.md §the container process state. */
function processState(spec: OciSpec, { id, bundle }: ContainerIdentity, status: string): string {
  const { ociVersion, annotations = {} } = spec
  const state = { ociVersion, id, status, pid: 0, bundle, annotations }
  const metadata = spec.linux?.seccomp?.listenerMetadata ?? ''
  const text = (value: unknown): string => JSON.stringify(value).replace('"pid":0', `"pid":${PID}`)
  const head = text({ ociVersion, fds: ['seccompFd'], pid: 0, metadata })
  return `${head.slice(0, -1)},"state":${text(state)}}`
}
