// SPDX-License-Identifier: Apache-2.0

import { GantryError } from '../../errors.ts'
import type { ArgumentCondition, Comparison, Libseccomp, SeccompFilter } from '../../kernel/libseccomp.ts'
import type { OciSeccomp, OciSeccompAction, OciSeccompOperator, OciSeccompRule } from '../../spec/types.ts'
import { ENOSYS, encodeBpf, enosysStub } from './seccomp-stub.ts'

/** What the launch plan's `seccomp` operation loads. */
export interface CompiledSeccomp {
  /** `struct sock_filter[]`, at most 4096 instructions of 8 bytes. */
  readonly filter: Uint8Array
  /** Flags of seccomp(2). */
  readonly flags: number
  /** System calls this libseccomp does not know, in the profile's order; left out, as runc leaves them out. */
  readonly skipped: readonly string[]
}

export interface SeccompOptions {
  readonly library: Libseccomp
  /** The container's own architecture, `SCMP_ARCH_X86_64`; absent: this machine's. Always part of the filter. */
  readonly arch?: string
}

const EPERM = 1
/** BPF_MAXINSNS of linux/bpf_common.h. */
const MAX_INSTRUCTIONS = 4096
const INSTRUCTION_BYTES = 8
/** libseccomp's time grows with the rules; a profile that could fit into a filter has far fewer. */
const MAX_RULES = 8192
/** From here on a binary tree is worth its making, as runc decides it. */
const TREE_FROM_RULES = 32

/** seccomp.h `SCMP_ACT_*`; the low 16 bits carry the errno of ERRNO and TRACE. */
const ACTIONS: Readonly<Record<OciSeccompAction, number>> = {
  SCMP_ACT_KILL: 0x0000_0000,
  SCMP_ACT_KILL_THREAD: 0x0000_0000,
  SCMP_ACT_KILL_PROCESS: 0x8000_0000,
  SCMP_ACT_TRAP: 0x0003_0000,
  SCMP_ACT_ERRNO: 0x0005_0000,
  SCMP_ACT_TRACE: 0x7ff0_0000,
  SCMP_ACT_LOG: 0x7ffc_0000,
  SCMP_ACT_ALLOW: 0x7fff_0000,
  SCMP_ACT_NOTIFY: 0x7fc0_0000,
}

const OPERATORS: Readonly<Record<OciSeccompOperator, Comparison>> = {
  SCMP_CMP_NE: 1,
  SCMP_CMP_LT: 2,
  SCMP_CMP_LE: 3,
  SCMP_CMP_EQ: 4,
  SCMP_CMP_GE: 5,
  SCMP_CMP_GT: 6,
  SCMP_CMP_MASKED_EQ: 7,
}

/**
 * Flags of seccomp(2) by their OCI names. TSYNC is accepted and comes to nothing: the child that loads the filter has one
 * thread.
 */
const FLAGS: Readonly<Record<string, number>> = {
  SECCOMP_FILTER_FLAG_TSYNC: 0,
  SECCOMP_FILTER_FLAG_LOG: 1 << 1,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 1 << 2,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 1 << 5,
}
/** Of a filter that asks a listener; the kernel takes WAIT_KILLABLE_RECV only with it. */
export const NEW_LISTENER = 1 << 3
const ONLY_WITH_LISTENER = 1 << 5

/** A default action that lets unknown system calls through needs no ENOSYS for them; a tracer or a listener is expected to know all. */
const PERMISSIVE: ReadonlySet<OciSeccompAction> = new Set([
  'SCMP_ACT_ALLOW',
  'SCMP_ACT_LOG',
  'SCMP_ACT_TRACE',
  'SCMP_ACT_NOTIFY',
])

/**
 * Compiles `linux.seccomp` (config-linux §seccomp) into the program the kernel runs, with runc's treatment of unknown
 * and of newer system calls. Takes 1 ms for one architecture, 9 ms for Docker's default profile with three: callers
 * go through {@link SeccompCache}.
 *
 * @throws GantryError invalid_argument naming the field.
 */
export function compileSeccomp(profile: OciSeccomp, { library, arch }: SeccompOptions): CompiledSeccomp {
  const rules = profile.syscalls ?? []
  refuseTooMany(rules)
  const flags = flagsOf(profile)
  const native = arch === undefined ? library.nativeArchitecture : architecture(library, arch)
  const tokens = new Set([native, ...(profile.architectures ?? []).map((name) => architecture(library, name))])
  const skipped = new Set<string>()
  using filter = library.createFilter(actionOf(profile.defaultAction, profile.defaultErrnoRet, 'defaultAction'))
  addArchitectures(filter, library.nativeArchitecture, tokens)
  if (rules.length > TREE_FROM_RULES || rules.some(({ names }) => names.length > TREE_FROM_RULES)) {
    filter.setAttribute('optimize', 2)
  }
  rules.forEach((rule, index) => {
    addRule({ filter, library, profile, skipped }, rule, `syscalls[${index}]`)
  })
  const program = join(needsStub(profile) ? stubFor(library, tokens, rules) : new Uint8Array(), filter.exportBpf())
  return { filter: program, flags, skipped: [...skipped] }
}

interface Compilation {
  readonly filter: SeccompFilter
  readonly library: Libseccomp
  readonly profile: OciSeccomp
  readonly skipped: Set<string>
}

function addRule(to: Compilation, rule: OciSeccompRule, field: string): void {
  const action = actionOf(rule.action, rule.errnoRet, `${field}.action`)
  const conditions = (rule.args ?? []).map((arg, index) => conditionOf(arg, `${field}.args[${index}]`))
  if (rule.names.length === 0) throw invalid(`${field}.names`, 'is empty', 'at least one system call')
  // libseccomp refuses a rule that says what the default says; it also adds nothing.
  if (action === actionOf(to.profile.defaultAction, to.profile.defaultErrnoRet, 'defaultAction')) return
  for (const name of rule.names) {
    if (name === '') throw invalid(`${field}.names`, 'holds an empty string', 'names of system calls')
    const number = to.library.syscall(name)
    if (number === undefined) to.skipped.add(name)
    else for (const group of alternatives(conditions)) addNamed(to.filter, action, number, group, `${field} ${name}`)
  }
}

function addNamed(
  filter: SeccompFilter,
  action: number,
  number: number,
  conditions: readonly ArgumentCondition[],
  subject: string,
): void {
  try {
    filter.addRule(action, number, conditions)
  } catch (cause) {
    throw new GantryError('invalid_argument', { action: 'compile seccomp rule', subject, cause })
  }
}

/**
 * Conditions on different arguments must all hold. Several on one argument cannot be said in one libseccomp rule; then
 * each stands alone and any of them suffices, which is what runc has always made of such profiles.
 */
function alternatives(conditions: readonly ArgumentCondition[]): readonly (readonly ArgumentCondition[])[] {
  const distinct = new Set(conditions.map(({ index }) => index)).size === conditions.length
  return distinct ? [conditions] : conditions.map((condition) => [condition])
}

function actionOf(action: OciSeccompAction, errnoRet: number | undefined, field: string): number {
  const base = lookup(ACTIONS, action)
  if (base === undefined) throw invalid(field, `is ${JSON.stringify(action)}`, Object.keys(ACTIONS).join(', '))
  const takesErrno = action === 'SCMP_ACT_ERRNO' || action === 'SCMP_ACT_TRACE'
  if (errnoRet === undefined) return takesErrno ? base | EPERM : base
  if (!takesErrno) throw invalid(field, `${action} carries errnoRet ${errnoRet}`, 'errnoRet only for ERRNO and TRACE')
  if (!Number.isInteger(errnoRet) || errnoRet < 0 || errnoRet > 0xffff) {
    throw invalid(field, `carries errnoRet ${errnoRet}`, '0 to 65535')
  }
  return base | errnoRet
}

type OciSeccompArg = NonNullable<OciSeccompRule['args']>[number]

function conditionOf(arg: OciSeccompArg, field: string): ArgumentCondition {
  const operator = lookup(OPERATORS, arg.op)
  if (operator === undefined) throw invalid(`${field}.op`, `is ${JSON.stringify(arg.op)}`, 'SCMP_CMP_NE … MASKED_EQ')
  if (!Number.isInteger(arg.index) || arg.index < 0 || arg.index > 5) {
    throw invalid(`${field}.index`, `is ${arg.index}`, '0 to 5')
  }
  return {
    index: arg.index,
    operator,
    a: word(arg.value, `${field}.value`),
    b: word(arg.valueTwo ?? 0, `${field}.valueTwo`),
  }
}

/** A JavaScript number above 2^53 may already have been rounded: a filter with a wrong constant is worse than none. */
function word(value: number | bigint, field: string): bigint {
  const exact = typeof value === 'bigint' || Number.isSafeInteger(value)
  const result = exact ? BigInt(value) : -1n
  if (result < 0n || result > 0xffff_ffff_ffff_ffffn)
    throw invalid(field, `is ${value}`, 'an exact unsigned 64 bit number')
  return result
}

function flagsOf(profile: OciSeccomp): number {
  let flags = 0
  for (const name of profile.flags ?? []) {
    const flag = lookup(FLAGS, name)
    if (flag === undefined) throw invalid('flags', `holds ${JSON.stringify(name)}`, Object.keys(FLAGS).join(', '))
    flags |= flag
  }
  const asks = [profile, ...(profile.syscalls ?? [])].some((part) => actionNameOf(part) === 'SCMP_ACT_NOTIFY')
  if (!asks) return flags & ~ONLY_WITH_LISTENER
  if (!profile.listenerPath) throw invalid('listenerPath', 'is missing', 'the socket of who answers SCMP_ACT_NOTIFY')
  return flags | NEW_LISTENER
}

function actionNameOf(part: OciSeccomp | OciSeccompRule): OciSeccompAction {
  return 'defaultAction' in part ? part.defaultAction : part.action
}

function architecture(library: Libseccomp, name: string): number {
  const prefix = 'SCMP_ARCH_'
  const token = name.startsWith(prefix) ? library.architecture(name.slice(prefix.length).toLowerCase()) : undefined
  if (token === undefined) {
    throw invalid(
      'architectures',
      `holds ${JSON.stringify(name)}`,
      `SCMP_ARCH_* as libseccomp ${library.version} knows them`,
    )
  }
  return token
}

/** A new filter already covers the machine's own architecture. */
function addArchitectures(filter: SeccompFilter, own: number, tokens: ReadonlySet<number>): void {
  for (const token of tokens) if (token !== own) filter.addArchitecture(token)
  if (!tokens.has(own)) filter.removeArchitecture(own)
}

/** Whether calls newer than all that the profile names are answered with ENOSYS in place of its default. */
export function needsStub(profile: OciSeccomp): boolean {
  return !PERMISSIVE.has(profile.defaultAction) && profile.defaultErrnoRet !== ENOSYS
}

/** Only calls the profile names count, whatever their action: its author knew of everything older than those. */
function stubFor(library: Libseccomp, tokens: ReadonlySet<number>, rules: readonly OciSeccompRule[]): Uint8Array {
  const last = new Map<number, number>()
  for (const token of tokens) {
    const numbers = rules.flatMap(({ names }) => names.map((name) => library.syscall(name, token) ?? 0))
    const highest = numbers.reduce((a, b) => Math.max(a, b), 0)
    if (highest > 0) last.set(token, highest)
  }
  return encodeBpf(enosysStub(last))
}

function join(stub: Uint8Array, filter: Uint8Array): Uint8Array {
  const instructions = (stub.length + filter.length) / INSTRUCTION_BYTES
  if (instructions > MAX_INSTRUCTIONS) {
    throw invalid(
      'syscalls',
      `compiles to ${instructions} instructions`,
      `at most ${MAX_INSTRUCTIONS}, the kernel's limit`,
    )
  }
  return Buffer.concat([stub, filter])
}

function refuseTooMany(rules: readonly OciSeccompRule[]): void {
  const count = rules.reduce((sum, { names, args }) => sum + names.length * Math.max(1, args?.length ?? 0), 0)
  if (count > MAX_RULES) throw invalid('syscalls', `holds ${count} rules`, `at most ${MAX_RULES}`)
}

/** Profiles are users' files: `constructor` must not find what every object has. */
function lookup<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined
}

function invalid(field: string, found: string, expected: string): GantryError {
  return new GantryError('invalid_argument', {
    action: 'compile seccomp profile',
    subject: field,
    reason: `${found}, expected ${expected}`,
  })
}
