// SPDX-License-Identifier: Apache-2.0
import type { OciDevice } from '../../spec/types.ts'
import { forPurpose, type Op, op } from '../ops.ts'
import { PLAN_SLOTS } from './slots.ts'
import { hostId, type UserNamespace } from './user-namespace.ts'

const FILE_TYPES = { c: 0o020000, u: 0o020000, b: 0o060000, p: 0o010000 } as const

/** Devices every container has (config-linux.md §default devices). */
const DEFAULT_DEVICES: readonly OciDevice[] = (
  [
    ['null', 1, 3],
    ['zero', 1, 5],
    ['full', 1, 7],
    ['random', 1, 8],
    ['urandom', 1, 9],
    ['tty', 5, 0],
  ] as const
).map(([name, major, minor]) => ({ type: 'c', path: `/dev/${name}`, major, minor, fileMode: 0o666, uid: 0, gid: 0 }))

const LINKS: readonly (readonly [string, string])[] = [
  ['/proc/self/fd', '/dev/fd'],
  ['/proc/self/fd/0', '/dev/stdin'],
  ['/proc/self/fd/1', '/dev/stdout'],
  ['/proc/self/fd/2', '/dev/stderr'],
  ['pts/ptmx', '/dev/ptmx'],
  ['/proc/kcore', '/dev/core'],
]

/**
 * Device nodes and the links every program expects. A device of the spec replaces a default one of the same path; what
 * exists and is another device, or none, is an error (config-linux.md §devices). Also for a user namespace the nodes are
 * made, not bound from the host: the maker is the host's root, and the file system its own.
 *
 * @param ownDev `/dev` is not the host's, bound into the container: the runtime supplies its default content
 */
export function compileDevices(devices: readonly OciDevice[], ownDev: boolean, user: UserNamespace | undefined): Op[] {
  const wanted = new Map<string, OciDevice>()
  if (ownDev) for (const device of DEFAULT_DEVICES) wanted.set(device.path, device)
  for (const device of devices) wanted.set(device.path, device)
  return [
    ...[...wanted.values()].flatMap((device) => makeDevice(device, user)),
    ...(ownDev ? LINKS.map(([to, path]) => op('symlink_in', PLAN_SLOTS.root, to, path)) : []),
  ]
}

function makeDevice(device: OciDevice, user: UserNamespace | undefined): Op[] {
  const mode = FILE_TYPES[device.type] | ((device.fileMode ?? 0o666) & 0o7777)
  const number = device.type === 'p' ? 0n : encodeDevice(device.major ?? 0, device.minor ?? 0)
  const [uid, gid] = [hostId(device.uid ?? 0, user?.uids, 'uid'), hostId(device.gid ?? 0, user?.gids, 'gid')]
  const purpose = `make device "${device.path}"`
  return forPurpose(purpose, [op('mknod_in', PLAN_SLOTS.root, device.path, mode, number, uid, gid)])
}

/** The kernel's encoding of a device number (makedev(3)). */
export function encodeDevice(major: number, minor: number): bigint {
  const [a, b] = [BigInt(major), BigInt(minor)]
  return (b & 0xffn) | ((a & 0xfffn) << 8n) | ((b & 0xfff00n) << 12n) | ((a & 0xfffff000n) << 32n)
}
