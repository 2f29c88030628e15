// SPDX-License-Identifier: Apache-2.0

import type { OciDeviceRule } from '../spec/types.ts'
import { refused } from './writes.ts'

export type DeviceKind = 'c' | 'b'

/** A device or, with undefined numbers, all of that kind. */
export interface DeviceException {
  readonly kind: DeviceKind
  readonly major: number | undefined
  readonly minor: number | undefined
  /** Of {@link ACCESS}. */
  readonly access: number
}

/** All devices are allowed, or none, but for the exceptions. */
export interface DevicePolicy {
  readonly allowByDefault: boolean
  readonly exceptions: readonly DeviceException[]
}

/** BPF_DEVCG_ACC_* of linux/bpf.h. */
export const ACCESS = { mknod: 1, read: 2, write: 4, all: 7 } as const

/** Numbers of devices have 12 and 20 bits (linux/kdev_t.h). */
const MAX_MAJOR = 0xfff
const MAX_MINOR = 0xf_ffff
/** Far more than anybody lists; every v1 rule is a system call, every v2 rule up to nine instructions. */
const MAX_RULES = 1024

/**
 * What every container may use, whatever its rules: making nodes of any kind (without using them), the devices the
 * runtime-spec promises (config-linux §default devices), ptys, and net/tun as runc grants it.
 */
export const DEFAULT_DEVICE_RULES: readonly OciDeviceRule[] = [
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  ...[3, 8, 7, 5, 9].map((minor) => ({ allow: true, type: 'c', major: 1, minor, access: 'rwm' }) as const),
  { allow: true, type: 'c', major: 5, minor: 0, access: 'rwm' },
  { allow: true, type: 'c', major: 136, access: 'rwm' },
  { allow: true, type: 'c', major: 5, minor: 2, access: 'rwm' },
  { allow: true, type: 'c', major: 10, minor: 200, access: 'rwm' },
]

/**
 * Reduces a list of rules to what is in force at its end, by the semantics of the v1 devices controller: a rule for all
 * devices starts over, a rule that repeats the default takes away from an exception, any other adds to one. Without any
 * rule nothing is allowed.
 *
 * @throws GantryError invalid_argument for a rule the v1 controller would silently ignore: a hole in a wider exception.
 */
export function reduceDeviceRules(rules: readonly OciDeviceRule[]): DevicePolicy {
  if (rules.length > MAX_RULES) throw refused('devices', `${rules.length} rules`, `at most ${MAX_RULES}`)
  let allowByDefault = false
  const exceptions = new Map<string, DeviceException>()
  rules.forEach((rule, index) => {
    const field = `devices[${index}]`
    const exception = parseRule(rule, field)
    if (exception === 'all') {
      allowByDefault = rule.allow
      exceptions.clear()
    } else if (rule.allow === allowByDefault) subtract(exceptions, exception, field)
    else add(exceptions, exception)
  })
  return { allowByDefault, exceptions: [...exceptions.values()] }
}

/** `c 1:3 rwm`, as devices.allow and devices.deny read it. */
export function deviceLine({ kind, major, minor, access }: DeviceException): string {
  const letters = `${access & ACCESS.read ? 'r' : ''}${access & ACCESS.write ? 'w' : ''}${access & ACCESS.mknod ? 'm' : ''}`
  return `${kind} ${major ?? '*'}:${minor ?? '*'} ${letters}`
}

function parseRule(rule: OciDeviceRule, field: string): DeviceException | 'all' {
  const kind = rule.type ?? 'a'
  const access = accessOf(rule.access ?? 'rwm', field)
  const major = deviceNumber(rule.major, MAX_MAJOR, `${field}.major`)
  const minor = deviceNumber(rule.minor, MAX_MINOR, `${field}.minor`)
  if (kind === 'a') return 'all'
  if (kind !== 'c' && kind !== 'b') throw refused(`${field}.type`, kind, 'a, b or c')
  return { kind, major, minor, access }
}

function accessOf(letters: string, field: string): number {
  let access = 0
  for (const letter of letters) {
    if (letter === 'r') access |= ACCESS.read
    else if (letter === 'w') access |= ACCESS.write
    else if (letter === 'm') access |= ACCESS.mknod
    else throw refused(`${field}.access`, letters, 'letters of rwm')
  }
  if (access === 0) throw refused(`${field}.access`, letters, 'at least one letter of rwm')
  return access
}

/** −1 stands for any number in files written for Go runtimes. */
function deviceNumber(value: number | undefined, max: number, field: string): number | undefined {
  if (value === undefined || value === -1) return undefined
  if (!Number.isInteger(value) || value < 0 || value > max) throw refused(field, value, `0 to ${max}`)
  return value
}

const keyOf = ({ kind, major, minor }: Omit<DeviceException, 'access'>): string =>
  `${kind} ${major ?? '*'}:${minor ?? '*'}`

function add(exceptions: Map<string, DeviceException>, exception: DeviceException): void {
  const access = exception.access | (exceptions.get(keyOf(exception))?.access ?? 0)
  exceptions.set(keyOf(exception), { ...exception, access })
}

function subtract(exceptions: Map<string, DeviceException>, exception: DeviceException, field: string): void {
  const { kind, major, minor } = exception
  const own = keyOf(exception)
  for (const wider of [
    { major: undefined, minor },
    { major, minor: undefined },
    { major: undefined, minor: undefined },
  ]) {
    const found = exceptions.get(keyOf({ kind, ...wider }))
    if (found === undefined || keyOf(found) === own || (found.access & exception.access) === 0) continue
    throw refused(field, deviceLine(exception), `no part of the wider rule before it, ${deviceLine(found)}`)
  }
  const left = (exceptions.get(own)?.access ?? 0) & ~exception.access
  if (left === 0) exceptions.delete(own)
  else exceptions.set(own, { ...exception, access: left })
}
