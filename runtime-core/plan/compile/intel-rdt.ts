// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../errors.ts'
import type { OciIntelRdt, OciSpec } from '../../spec/types.ts'
import { forPurpose, type Op, op } from '../ops.ts'
import type { ContainerIdentity } from './input.ts'

/** Where every distribution mounts it (Documentation/filesystems/resctrl.rst). */
const RESCTRL = '/sys/fs/resctrl'

export interface IntelRdtOps {
  /** By the keeper: the class of service and its shares. */
  readonly prepare: readonly Op[]
  /** By the child: joins it. */
  readonly child: readonly Op[]
}

/**
 * Shares of cache and memory bandwidth (config-linux.md §intelRdt), by the resctrl file system. Where that is not mounted
 * the first operation fails, and says so.
 *
 * @throws GantryError `failed_precondition` where the class is to have the container's name and nobody told it.
 */
export function compileIntelRdt(
  { linux: { intelRdt } = {} }: OciSpec,
  identity: ContainerIdentity | undefined,
): IntelRdtOps {
  if (intelRdt === undefined) return { prepare: [], child: [] }
  const directory = classDirectory(intelRdt, identity)
  const monitored = intelRdt.enableMonitoring === true
  const group = monitored ? `${directory}/mon_groups/${nameOf(identity)}` : directory
  const lines = schemataOf(intelRdt)
  return {
    prepare: forPurpose('set linux.intelRdt', [
      op('require_directory', `${RESCTRL}/info`),
      // A class that others made must be there, unless it is to be filled: then it is made like the container's own.
      ...(directory === RESCTRL ? [] : [op('mkdir_host', directory, 0o755)]),
      ...lines.map((line) => op('write_file', undefined, `${directory}/schemata`, `${line}\n`)),
      ...(monitored ? [op('mkdir_host', group, 0o755)] : []),
    ]),
    child: forPurpose('join linux.intelRdt', [op('write_file', undefined, `${group}/tasks`, '0')]),
  }
}

/** What a container leaves behind in resctrl, to be removed with it: the directories made for it alone, inner ones first. */
export function intelRdtLeftovers(
  { linux: { intelRdt } = {} }: OciSpec,
  identity: ContainerIdentity,
): readonly string[] {
  if (intelRdt === undefined) return []
  const directory = classDirectory(intelRdt, identity)
  return [
    ...(intelRdt.enableMonitoring === true ? [`${directory}/mon_groups/${identity.id}`] : []),
    ...(intelRdt.closID === undefined ? [directory] : []),
  ]
}

function classDirectory({ closID }: OciIntelRdt, identity: ContainerIdentity | undefined): string {
  if (closID === '/') return RESCTRL
  return `${RESCTRL}/${closID ?? nameOf(identity)}`
}

function nameOf(identity: ContainerIdentity | undefined): string {
  if (identity !== undefined) return identity.id
  throw new GantryError('failed_precondition', {
    action: 'read linux.intelRdt',
    reason: 'its class is to have the container’s name, which is not known',
  })
}

/** `schemata` stands for all; the two older fields come first, as the runtime-spec wants it. */
function schemataOf({ l3CacheSchema, memBwSchema, schemata = [] }: OciIntelRdt): readonly string[] {
  const older = [l3CacheSchema, memBwSchema].filter((text) => text !== undefined && text !== '')
  return [...older.flatMap((text) => text?.split('\n') ?? []), ...schemata].filter((line) => line !== '')
}
