// SPDX-License-Identifier: Apache-2.0
import { readlinkSync } from 'node:fs'
import type { OciNamespaceType, OciSpec } from '../spec/types.ts'

/**
 * Namespaces that CRIU can leave out and find again (criu(8), --external and --inherit-fd); the keys are runc's. Others
 * that were joined by path are joined again by path (--join-ns).
 */
export const INHERITED = {
  network: { name: 'net', key: 'extRootNetNS' },
  pid: { name: 'pid', key: 'extRootPidNS' },
} as const
export const JOINED = { ipc: 'ipc', uts: 'uts', time: 'time' } as const

/** `net[inode]:key` for each namespace that config.json joins by path and that is not the caller's own. */
export function externalNamespaces(spec: OciSpec, pid: number): readonly string[] {
  return Object.entries(INHERITED).flatMap(([type, { name, key }]) => {
    if (pathOf(spec, type as OciNamespaceType) === undefined) return []
    const theirs = readlinkSync(`/proc/${pid}/ns/${name}`)
    if (theirs === readlinkSync(`/proc/self/ns/${name}`)) return []
    return [`${theirs.replace(':', '')}:${key}`]
  })
}

export function pathOf({ linux }: OciSpec, type: OciNamespaceType): string | undefined {
  return linux?.namespaces?.find((namespace) => namespace.type === type)?.path
}
