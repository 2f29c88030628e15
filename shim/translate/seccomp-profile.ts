// SPDX-License-Identifier: Apache-2.0
import type { OciSeccomp, OciSeccompAction, OciSeccompOperator, OciSeccompRule } from '../../runtime-core/spec/types.ts'
import { isObject, parseExactJson } from './exact-json.ts'
import { invalidField } from './invalid-field.ts'
import { seccompArch } from './seccomp-arch.ts'
import { ruleApplies, type SeccompCondition, type SeccompTarget } from './seccomp-conditions.ts'

const MAX_TEXT_CHARACTERS = 1 << 20
const MAX_ERRNO = 4095
const UINT64_MAX = 2n ** 64n - 1n

const ACTIONS = new Set<string>([
  ...['SCMP_ACT_KILL', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_KILL_THREAD', 'SCMP_ACT_TRAP', 'SCMP_ACT_ERRNO'],
  ...['SCMP_ACT_TRACE', 'SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_NOTIFY'],
])
const OPERATORS = new Set<string>([
  ...['SCMP_CMP_NE', 'SCMP_CMP_LT', 'SCMP_CMP_LE', 'SCMP_CMP_EQ', 'SCMP_CMP_GE', 'SCMP_CMP_GT', 'SCMP_CMP_MASKED_EQ'],
])
const FLAGS = new Set<string>([
  ...['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_TSYNC', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW'],
  'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV',
])
/** Actions that carry a number; with any other an errno is an error (OCI config-linux, seccomp). */
const WITH_ERRNO = new Set<string>(['SCMP_ACT_ERRNO', 'SCMP_ACT_TRACE'])

type Json = Readonly<Record<string, unknown>>

/**
 * A profile file, in the OCI format or Docker's (conditions, archMap), as the runtime needs it.
 *
 * @param text Contents of the file.
 * @param path Where it came from, for errors.
 * @throws GantryError invalid_argument that names the part of the profile that cannot be used.
 */
export function parseSeccompProfile(text: string, path: string, target: SeccompTarget): OciSeccomp {
  if (text.length > MAX_TEXT_CHARACTERS) throw invalidField(path, `${text.length} characters`, 'at most 1 MiB')
  const profile = object(parseExactJson(text, path), path)
  const syscalls = list(profile['syscalls'], `${path}: syscalls`).flatMap((entry, at) =>
    rule(entry, `${path}: syscalls[${at}]`, target),
  )
  const flags = strings(profile['flags'], `${path}: flags`, FLAGS, 'a flag of seccomp(2)')
  const defaultAction = action(profile['defaultAction'], `${path}: defaultAction`)
  const listenerPath = optionalString(profile['listenerPath'], `${path}: listenerPath`)
  const listenerMetadata = optionalString(profile['listenerMetadata'], `${path}: listenerMetadata`)
  checkListener({ defaultAction, syscalls, listenerPath, listenerMetadata, path })
  return {
    defaultAction,
    ...errno('defaultErrnoRet', profile['defaultErrnoRet'], defaultAction, `${path}: defaultErrnoRet`),
    architectures: architectures(profile, target.arch, path),
    ...(flags.length === 0 ? {} : { flags }),
    ...(listenerPath === '' ? {} : { listenerPath }),
    ...(listenerMetadata === '' ? {} : { listenerMetadata }),
    syscalls,
  }
}

function rule(value: unknown, path: string, target: SeccompTarget): OciSeccompRule[] {
  const entry = object(value, path)
  if (entry['name'] !== undefined && entry['names'] !== undefined) {
    throw invalidField(path, 'name and names', 'one of them')
  }
  // "name" is the form of profiles older than Docker 17.
  const names = entry['name'] === undefined ? entry['names'] : [entry['name']]
  const parsedAction = action(entry['action'], `${path}.action`)
  const args = list(entry['args'], `${path}.args`).map((item, at) => argument(item, `${path}.args[${at}]`))
  const parsed: OciSeccompRule = {
    names: strings(names, `${path}.names`, undefined, 'a system call'),
    action: parsedAction,
    ...errno('errnoRet', entry['errnoRet'], parsedAction, `${path}.errnoRet`),
    ...(args.length === 0 ? {} : { args }),
  }
  if (parsed.names.length === 0) throw invalidField(`${path}.names`, '', 'at least one system call')
  const conditions = {
    includes: condition(entry['includes'], `${path}.includes`),
    excludes: condition(entry['excludes'], `${path}.excludes`),
  }
  return ruleApplies(conditions, target) ? [parsed] : []
}

function argument(value: unknown, path: string): NonNullable<OciSeccompRule['args']>[number] {
  const { index, value: number, valueTwo, op } = object(value, path)
  if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index > 5) {
    throw invalidField(`${path}.index`, index, '0 to 5')
  }
  if (typeof op !== 'string' || !OPERATORS.has(op))
    throw invalidField(`${path}.op`, op, 'an operator such as SCMP_CMP_EQ')
  return {
    index,
    value: uint64(number, `${path}.value`),
    ...(valueTwo === undefined ? {} : { valueTwo: uint64(valueTwo, `${path}.valueTwo`) }),
    op: op as OciSeccompOperator,
  }
}

function condition(value: unknown, path: string): SeccompCondition {
  if (value === undefined || value === null) return {}
  const entry = object(value, path)
  const minKernel = optionalString(entry['minKernel'], `${path}.minKernel`)
  if (minKernel !== '' && !/^\d+\.\d+$/.test(minKernel)) {
    throw invalidField(`${path}.minKernel`, minKernel, 'major.minor')
  }
  return {
    caps: strings(entry['caps'], `${path}.caps`, undefined, 'a capability'),
    arches: strings(entry['arches'], `${path}.arches`, undefined, 'an architecture'),
    ...(minKernel === '' ? {} : { minKernel }),
  }
}

function architectures(profile: Json, arch: string, path: string): readonly string[] {
  const listed = strings(profile['architectures'], `${path}: architectures`, undefined, 'an architecture')
  const map = list(profile['archMap'], `${path}: archMap`)
  for (const name of listed) {
    if (!/^SCMP_ARCH_[A-Z0-9_]+$/.test(name)) throw invalidField(`${path}: architectures`, name, 'SCMP_ARCH_…')
  }
  if (map.length === 0) return listed
  if (listed.length > 0) throw invalidField(path, 'architectures and archMap', 'one of them')
  const native = seccompArch(arch)?.native
  for (const [at, item] of map.entries()) {
    const where = `${path}: archMap[${at}]`
    const entry = object(item, where)
    const subs = strings(entry['subArchitectures'], `${where}.subArchitectures`, undefined, 'an architecture')
    if (native !== undefined && entry['architecture'] === native) return [native, ...subs]
  }
  return []
}

function checkListener(input: {
  readonly defaultAction: OciSeccompAction
  readonly syscalls: readonly OciSeccompRule[]
  readonly listenerPath: string
  readonly listenerMetadata: string
  readonly path: string
}): void {
  const { defaultAction, syscalls, listenerPath, listenerMetadata, path } = input
  const notifies = syscalls.some((entry) => entry.action === 'SCMP_ACT_NOTIFY')
  if (defaultAction === 'SCMP_ACT_NOTIFY') throw invalidField(`${path}: defaultAction`, defaultAction, 'another action')
  if (listenerPath === '' && notifies) throw invalidField(`${path}: listenerPath`, '', 'a socket for SCMP_ACT_NOTIFY')
  if (listenerPath === '' && listenerMetadata !== '') {
    throw invalidField(`${path}: listenerMetadata`, listenerMetadata, 'none without listenerPath')
  }
}

function errno<Name extends string>(name: Name, value: unknown, of: OciSeccompAction, path: string) {
  if (value === undefined || value === null) return {}
  if (!WITH_ERRNO.has(of)) throw invalidField(path, value, `none with ${of}`)
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > MAX_ERRNO) {
    throw invalidField(path, value, `0 to ${MAX_ERRNO}`)
  }
  return { [name]: value } as { readonly [Key in Name]: number }
}

function action(value: unknown, path: string): OciSeccompAction {
  if (typeof value === 'string' && ACTIONS.has(value)) return value as OciSeccompAction
  throw invalidField(path, value, 'an action such as SCMP_ACT_ERRNO')
}

function uint64(value: unknown, path: string): number | bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  if (typeof value === 'bigint' && value >= 0n && value <= UINT64_MAX) return value
  throw invalidField(path, value, 'an unsigned 64-bit number')
}

function object(value: unknown, path: string): Json {
  if (isObject(value)) return value
  throw invalidField(path, value, 'an object')
}

function list(value: unknown, path: string): readonly unknown[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) return value
  throw invalidField(path, value, 'a list')
}

function strings(value: unknown, path: string, allowed: ReadonlySet<string> | undefined, expected: string): string[] {
  return list(value, path).map((item) => {
    if (typeof item === 'string' && item !== '' && allowed?.has(item) !== false) return item
    throw invalidField(path, item, expected)
  })
}

function optionalString(value: unknown, path: string): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value
  throw invalidField(path, value, 'a text')
}
