// SPDX-License-Identifier: Apache-2.0
import { posix } from 'node:path'
import { GantryError } from '../../runtime-core/errors.ts'
import type { OciDevice, OciDeviceRule, OciMount, OciProcess, OciSpec } from '../../runtime-core/spec/types.ts'
import type { CdiEdits, CdiMount } from './document.ts'

/** A device node with what was looked up on the node. */
export interface CdiNode {
  readonly device: OciDevice
  /** Some of r, w, m; "" for none. */
  readonly access: string
}

/** Edits whose device nodes were looked up. */
export type ResolvedCdiEdits = Omit<CdiEdits, 'deviceNodes'> & { readonly nodes: readonly CdiNode[] }

/**
 * A specification with the edits of its CDI devices, in their order: a later variable, device node or mount replaces an
 * earlier one of the same name or path (CDI specification, "Container Edits").
 *
 * @throws GantryError unimplemented for what this release cannot do, naming it.
 */
export function withCdiEdits(spec: OciSpec, edits: readonly ResolvedCdiEdits[]): OciSpec {
  if (edits.length === 0) return spec
  for (const edit of edits) refuseMissing(edit)
  const { process, linux = {} } = spec
  const nodes = edits.flatMap((edit) => edit.nodes)
  const owned = nodes.map(({ device }) => ownedByUser(device, process))
  return {
    ...spec,
    ...(process === undefined ? {} : { process: editProcess(process, edits) }),
    mounts: editMounts(
      spec,
      edits.flatMap((edit) => edit.mounts),
    ),
    linux: {
      ...linux,
      devices: [...new Map([...(linux.devices ?? []), ...owned].map((device) => [device.path, device])).values()],
      resources: { ...linux.resources, devices: [...(linux.resources?.devices ?? []), ...nodes.flatMap(ruleOf)] },
    },
  }
}

function refuseMissing({ hooks, netDevices }: ResolvedCdiEdits): void {
  const [hook] = hooks
  const [netDevice] = netDevices
  const what =
    hook !== undefined
      ? `hook ${hook.hookName} "${hook.path}"`
      : netDevice !== undefined
        ? `net device "${netDevice}"`
        : undefined
  if (what === undefined) return
  const reason = `this release cannot give it the ${what}`
  throw new GantryError('unimplemented', { action: 'inject CDI device', reason })
}

function editProcess(process: OciProcess, edits: readonly ResolvedCdiEdits[]): OciProcess {
  const entries = [...(process.env ?? []), ...edits.flatMap(({ env }) => env)]
  const env = new Map(entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry]))
  // Group 0 would give more than a device asks for, and is left out as the specification's own library does.
  const gids = edits.flatMap(({ additionalGids }) => additionalGids).filter((gid) => gid !== 0)
  const user = process.user ?? { uid: 0, gid: 0 }
  const additionalGids = [...new Set([...(user.additionalGids ?? []), ...gids])]
  return { ...process, env: [...env.values()], user: { ...user, additionalGids } }
}

/** A node without an owner belongs to the container's user, so that a program that is not root can open it. */
function ownedByUser(device: OciDevice, process: OciProcess | undefined): OciDevice {
  const { uid = 0, gid = 0 } = process?.user ?? {}
  return { ...device, uid: device.uid ?? uid, gid: device.gid ?? gid }
}

function ruleOf({ device: { type, major, minor }, access }: CdiNode): OciDeviceRule[] {
  if (access === '' || type === 'p' || major === undefined || minor === undefined) return []
  return [{ allow: true, type: type === 'b' ? 'b' : 'c', major, minor, access }]
}

/** As the list of the container's own: by depth, so that nothing is covered by what comes after it. */
function editMounts({ mounts = [], linux = {} }: OciSpec, added: readonly CdiMount[]): OciMount[] {
  if (added.length === 0) return [...mounts]
  const ids =
    linux.uidMappings === undefined || linux.gidMappings === undefined
      ? {}
      : { uidMappings: linux.uidMappings, gidMappings: linux.gidMappings }
  const byPath = new Map(added.map((mount) => [posix.resolve('/', mount.containerPath), mount]))
  const kept = mounts.filter(({ destination }) => !byPath.has(posix.resolve('/', destination)))
  const made = Array.from(byPath, ([destination, { hostPath, type, options }]): OciMount => {
    const isBind = (type ?? 'bind') === 'bind' || options.includes('bind') || options.includes('rbind')
    if (!isBind) return { destination, type: type ?? 'none', source: hostPath, options }
    const bind = options.some((option) => option === 'bind' || option === 'rbind') ? options : ['rbind', ...options]
    return { destination, type: 'bind', source: hostPath, options: bind, ...ids }
  })
  return [...kept, ...made].sort((one, other) => depth(one.destination) - depth(other.destination))
}

function depth(path: string): number {
  return path === '/' ? 0 : path.split('/').length
}
