// SPDX-License-Identifier: Apache-2.0

import type { OciCapabilities } from '../../spec/types.ts'

/** Names by number, as in linux/capability.h (Linux 5.9 and later; none has been added since). */
export const CAPABILITIES = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
] as const

export type CapabilityName = (typeof CAPABILITIES)[number]

const NUMBERS: ReadonlyMap<string, number> = new Map(CAPABILITIES.map((name, number) => [name, number]))

/** Bit n stands for capability n. */
export interface CapabilityMasks {
  readonly bounding: bigint
  readonly effective: bigint
  readonly permitted: bigint
  readonly inheritable: bigint
  readonly ambient: bigint
}

export interface CapabilityHost {
  /** Content of /proc/sys/kernel/cap_last_cap: the highest number this kernel knows. */
  readonly lastCap: number
  /** The bounding set of whoever starts the container (CapBnd of /proc/self/status): nobody can grant more. */
  readonly bounding: bigint
  /** Its permitted set (CapPrm). Inside a new user namespace the child has all of them: hand in {@link allCapabilities}. */
  readonly permitted: bigint
}

export interface CompiledCapabilities extends CapabilityMasks {
  /** Names left out, each with the reason: runtime-spec config §capabilities wants a warning, no error. */
  readonly warnings: readonly string[]
}

/** A mask with every capability up to `lastCap`. */
export function allCapabilities(lastCap: number): bigint {
  return (1n << BigInt(lastCap + 1)) - 1n
}

/** The number of `CAP_CHOWN`, or undefined for a name Linux does not have. Names are exact, as in the runtime-spec. */
export function capabilityNumber(name: string): number | undefined {
  return NUMBERS.get(name)
}

/** Names of a mask in the order of their numbers; a number without a name gives `CAP_41`. */
export function capabilityNames(mask: bigint): string[] {
  const names: string[] = []
  for (let number = 0; mask >> BigInt(number) > 0n; number++) {
    if ((mask >> BigInt(number)) & 1n) names.push(CAPABILITIES[number] ?? `CAP_${number}`)
  }
  return names
}

/**
 * The five sets of a process (runtime-spec config §process, `capabilities`; capabilities(7)).
 *
 * Names this kernel does not know and capabilities the host cannot give are left out with a warning. A set also loses
 * what the kernel would refuse because another set lacks it: effective ⊆ permitted, inheritable ⊆ bounding,
 * ambient ⊆ permitted ∩ inheritable (capset(2), prctl(2) PR_CAP_AMBIENT). Those are warned of too.
 */
export function compileCapabilities(wanted: OciCapabilities, host: CapabilityHost): CompiledCapabilities {
  const warnings = new Set<string>()
  const grantable = host.bounding & host.permitted & allCapabilities(host.lastCap)
  const set = (name: keyof OciCapabilities, allowed: bigint, reason: string): bigint => {
    const asked = maskOf(wanted[name] ?? [], host.lastCap, warnings)
    const refused = asked & grantable & ~allowed
    for (const capability of capabilityNames(asked & ~grantable))
      warnings.add(`${capability}: ${whyNot(capability, host)}`)
    for (const capability of capabilityNames(refused)) warnings.add(`${capability}: left out of ${name}, ${reason}`)
    return asked & grantable & allowed
  }
  const bounding = set('bounding', grantable, '')
  const permitted = set('permitted', grantable, '')
  const effective = set('effective', permitted, 'for it is not permitted')
  const inheritable = set('inheritable', bounding, 'for it is not in the bounding set')
  const ambient = set('ambient', permitted & inheritable, 'for it is not both permitted and inheritable')
  return { bounding, effective, permitted, inheritable, ambient, warnings: [...warnings] }
}

function maskOf(names: readonly string[], lastCap: number, warnings: Set<string>): bigint {
  let mask = 0n
  for (const name of names) {
    const number = NUMBERS.get(name)
    if (number === undefined) warnings.add(`${name}: no such capability`)
    else if (number > lastCap) warnings.add(`${name}: unknown to this kernel`)
    else mask |= 1n << BigInt(number)
  }
  return mask
}

function whyNot(capability: string, host: CapabilityHost): string {
  const bit = 1n << BigInt(NUMBERS.get(capability) ?? 0)
  return (host.bounding & bit) === 0n
    ? 'cannot be granted, it is not in the runtime’s bounding set'
    : 'cannot be granted, it is not in the runtime’s permitted set'
}

/**
 * What /proc says about this machine and process.
 *
 * @param status content of /proc/self/status
 * @param lastCap content of /proc/sys/kernel/cap_last_cap
 */
export function parseCapabilityHost(status: string, lastCap: string): CapabilityHost {
  const mask = (field: string): bigint => {
    const [, hex = '0'] = new RegExp(`^${field}:\\s*([0-9a-f]+)$`, 'm').exec(status) ?? []
    return BigInt(`0x${hex}`)
  }
  return { lastCap: Number.parseInt(lastCap, 10), bounding: mask('CapBnd'), permitted: mask('CapPrm') }
}
