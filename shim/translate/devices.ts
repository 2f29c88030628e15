// SPDX-License-Identifier: Apache-2.0
import type { OciDevice, OciDeviceRule } from '../../runtime-core/spec/types.ts'
import { invalidField } from './invalid-field.ts'

/** A device node of the node for a container: one per node below a requested directory. */
export interface ResolvedDevice {
  /** In the container. */
  readonly path: string
  readonly type: 'c' | 'b'
  readonly major: number
  readonly minor: number
  readonly fileMode: number
  readonly uid: number
  readonly gid: number
  /** As requested: some of r, w, m; empty means all. */
  readonly permissions: string
}

export interface ContainerDevices {
  readonly devices: readonly OciDevice[]
  readonly rules: readonly OciDeviceRule[]
}

/** null, zero, full, random, urandom, tty, console, pts, ptmx: containerd's list. */
const DEFAULT_RULES: readonly OciDeviceRule[] = [
  [1, 3],
  [1, 8],
  [1, 7],
  [5, 0],
  [1, 5],
  [1, 9],
  [5, 1],
  [136, undefined],
  [5, 2],
].map(([major, minor]) => ({
  allow: true,
  type: 'c',
  access: 'rwm',
  ...(major === undefined ? {} : { major }),
  ...(minor === undefined ? {} : { minor }),
}))

/**
 * The devices of a container and the rules that its cgroup gets: deny all, the usual ones, the requested ones.
 * Privileged containers have every device of the node and may use any; a requested one still replaces that of its path.
 *
 * @throws GantryError invalid_argument for permissions other than some of r, w, m.
 */
export function containerDevices(
  requested: readonly ResolvedDevice[],
  host: readonly OciDevice[],
  privileged: boolean,
): ContainerDevices {
  const byPath = new Map<string, OciDevice>(privileged ? host.map((device) => [device.path, device]) : [])
  const rules: OciDeviceRule[] = []
  for (const { permissions, ...device } of requested) {
    if (!device.path.startsWith('/'))
      throw invalidField('config.devices.container_path', device.path, 'an absolute path')
    byPath.set(device.path, device)
    rules.push({
      allow: true,
      type: device.type,
      major: device.major,
      minor: device.minor,
      access: accessOf(permissions, device.path),
    })
  }
  return {
    devices: [...byPath.values()],
    rules: privileged
      ? [{ allow: true, access: 'rwm' }]
      : [{ allow: false, access: 'rwm' }, ...DEFAULT_RULES, ...rules],
  }
}

function accessOf(permissions: string, path: string): string {
  const letters = new Set(permissions || 'rwm')
  if (letters.size !== (permissions || 'rwm').length || [...letters].some((letter) => !'rwm'.includes(letter))) {
    throw invalidField(`config.devices[${path}].permissions`, permissions, 'some of r, w and m')
  }
  return permissions || 'rwm'
}
