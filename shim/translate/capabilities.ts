// SPDX-License-Identifier: Apache-2.0
import type { Capability } from '../../cri-proto/index.ts'
import type { OciCapabilities } from '../../runtime-core/spec/types.ts'
import { invalidField } from './invalid-field.ts'

/** linux/capability.h: the place in the list is the number. */
const NAMES = [
  ...['CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP'],
  ...['LINUX_IMMUTABLE', 'NET_BIND_SERVICE', 'NET_BROADCAST', 'NET_ADMIN', 'NET_RAW', 'IPC_LOCK', 'IPC_OWNER'],
  ...['SYS_MODULE', 'SYS_RAWIO', 'SYS_CHROOT', 'SYS_PTRACE', 'SYS_PACCT', 'SYS_ADMIN', 'SYS_BOOT', 'SYS_NICE'],
  ...['SYS_RESOURCE', 'SYS_TIME', 'SYS_TTY_CONFIG', 'MKNOD', 'LEASE', 'AUDIT_WRITE', 'AUDIT_CONTROL', 'SETFCAP'],
  ...['MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG', 'WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ', 'PERFMON', 'BPF'],
  'CHECKPOINT_RESTORE',
]

/** What containerd's CRI plugin gives. */
const DEFAULT_NAMES = [
  ...['CHOWN', 'DAC_OVERRIDE', 'FSETID', 'FOWNER', 'MKNOD', 'NET_RAW', 'SETGID', 'SETUID', 'SETFCAP', 'SETPCAP'],
  ...['NET_BIND_SERVICE', 'SYS_CHROOT', 'KILL', 'AUDIT_WRITE'],
]

export interface CapabilitiesInput {
  readonly request: Capability | undefined
  readonly privileged: boolean
  /** Number of the last capability that the kernel knows. */
  readonly lastCap: number
}

/**
 * The capability sets of a container: the defaults, then add ALL, drop ALL, single adds, single drops, in this order.
 * Privileged containers have them all whatever is asked for. Inheritable and ambient stay empty (CVE-2022-24769) but
 * for what is asked for as ambient, which needs all five sets. Known names that the kernel lacks are left out.
 *
 * @throws GantryError invalid_argument for an unknown name.
 */
export function containerCapabilities({ request, privileged, lastCap }: CapabilitiesInput): OciCapabilities {
  const all = NAMES.slice(0, lastCap + 1)
  if (privileged) return sets(all, [], all)

  const add = parse(request?.addCapabilities ?? [], 'add_capabilities')
  const drop = parse(request?.dropCapabilities ?? [], 'drop_capabilities')
  const ambient = parse(request?.addAmbientCapabilities ?? [], 'add_ambient_capabilities')

  const granted = new Set(add.all || ambient.all ? all : DEFAULT_NAMES)
  if (drop.all) granted.clear()
  const keptAmbient = new Set(ambient.all && !drop.all ? all : ambient.names)
  for (const name of [...add.names, ...ambient.names]) granted.add(name)
  for (const name of drop.names) granted.delete(name)
  return sets(
    all.filter((name) => granted.has(name)),
    all.filter((name) => granted.has(name) && keptAmbient.has(name)),
    all,
  )
}

function sets(granted: readonly string[], ambient: readonly string[], known: readonly string[]): OciCapabilities {
  const full = (names: readonly string[]) => names.filter((name) => known.includes(name)).map((name) => `CAP_${name}`)
  const names = full(granted)
  return { bounding: names, effective: names, permitted: names, inheritable: full(ambient), ambient: full(ambient) }
}

function parse(texts: readonly string[], field: string): { readonly all: boolean; readonly names: readonly string[] } {
  const names = texts.map((text) => text.toUpperCase().replace(/^CAP_/, ''))
  for (const [at, name] of names.entries()) {
    if (name === 'ALL' || NAMES.includes(name)) continue
    const path = `config.linux.security_context.capabilities.${field}`
    throw invalidField(path, texts[at], 'ALL or a capability of Linux, without CAP_')
  }
  return { all: names.includes('ALL'), names: names.filter((name) => name !== 'ALL') }
}
