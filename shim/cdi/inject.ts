// SPDX-License-Identifier: Apache-2.0
import { access, stat } from 'node:fs/promises'
import { GantryError } from '../../runtime-core/errors.ts'
import type { OciDevice, OciSpec } from '../../runtime-core/spec/types.ts'
import { describeDevice, withinTime } from '../container/host-paths.ts'
import { cdiEdits } from './directories.ts'
import type { CdiDeviceNode, CdiEdits, CdiMount } from './document.ts'
import { type CdiNode, type ResolvedCdiEdits, withCdiEdits } from './edits.ts'
import { type CdiRequest, requestedCdiDevices } from './names.ts'

export interface CdiOptions {
  readonly directories: readonly string[]
  /** Leave out `intelRdt`, which this node cannot give. */
  readonly ignoreRdt: boolean
}

/**
 * The specification of a container with its CDI devices.
 *
 * @throws GantryError naming the device that cannot be resolved, or the path of it that is not there.
 */
export async function withCdiDevices(spec: OciSpec, request: CdiRequest, options: CdiOptions): Promise<OciSpec> {
  const names = requestedCdiDevices(request)
  if (names.length === 0) return spec
  const edits = await cdiEdits(names, options.directories)
  return withCdiEdits(spec, await Promise.all(edits.map((edit) => lookUp(edit, options))))
}

async function lookUp({ deviceNodes, ...edits }: CdiEdits, { ignoreRdt }: CdiOptions): Promise<ResolvedCdiEdits> {
  if (edits.hasIntelRdt && !ignoreRdt) {
    throw new GantryError('failed_precondition', {
      action: 'inject CDI device',
      reason: 'it asks for intelRdt, and RDT is not enabled',
      hint: 'ignore-rdt-not-enabled-errors lets such containers run without',
    })
  }
  await Promise.all(edits.mounts.map(requireSource))
  return { ...edits, nodes: await Promise.all(deviceNodes.map(nodeOf)) }
}

/** The start makes missing directories for other mounts; a library of a driver that is missing is no directory. */
async function requireSource({ type, options, hostPath }: CdiMount): Promise<void> {
  const isBind = (type ?? 'bind') === 'bind' || options.includes('bind') || options.includes('rbind')
  if (isBind) await withinTime(() => access(hostPath), hostPath, 'mount of a CDI device')
}

/** What the document does not say of a node is read from the node of the host (CDI specification, "deviceNodes"). */
async function nodeOf(node: CdiDeviceNode): Promise<CdiNode> {
  const hostPath = node.hostPath ?? node.path
  const isComplete = node.type === 'p' || (node.type !== undefined && ((node.major ?? 0) > 0 || (node.minor ?? 0) > 0))
  const found = isComplete ? undefined : await hostDevice(hostPath)
  if (found !== undefined && node.type !== undefined && found.type !== (node.type === 'u' ? 'c' : node.type)) {
    throw new GantryError('failed_precondition', {
      action: 'look at device node of a CDI device',
      subject: hostPath,
      reason: `it is of type ${found.type}, not ${node.type}`,
    })
  }
  const { path, permissions = '', uid, gid, fileMode } = node
  const device: OciDevice = {
    path,
    type: (node.type ?? found?.type ?? 'c') as OciDevice['type'],
    major: found?.major ?? node.major ?? 0,
    minor: found?.minor ?? node.minor ?? 0,
    ...(fileMode === undefined ? {} : { fileMode }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  }
  return { device, access: permissions === 'none' ? '' : permissions || 'rwm' }
}

async function hostDevice(hostPath: string) {
  const stats = await withinTime(() => stat(hostPath, { bigint: true }), hostPath, 'device node of a CDI device')
  const device = describeDevice(hostPath, stats, '')
  if (device !== undefined) return device
  const reason = 'it is no device'
  throw new GantryError('failed_precondition', {
    action: 'look at device node of a CDI device',
    subject: hostPath,
    reason,
  })
}
