// SPDX-License-Identifier: Apache-2.0
import { errnoName } from '../kernel/errno.ts'
import type { OciSeccomp, OciSeccompAction, OciSeccompRule } from '../spec/types.ts'
import { needsStub } from './compile/seccomp.ts'
import { ENOSYS } from './compile/seccomp-stub.ts'

const LINE_WIDTH = 100
const EPERM = 1

/** What a container may call, as lists a person can read. */
export interface SeccompSummary {
  /** `allowed`, `answered with EPERM`, …; each with its calls in alphabetical order. */
  readonly groups: readonly SeccompGroup[]
  /** What happens to every call in none of the groups. */
  readonly others: string
  /** Calls newer than all that the profile names: what they get instead. Absent: the same as the others. */
  readonly newer?: string
  readonly architectures: readonly string[]
}

export interface SeccompGroup {
  readonly outcome: string
  /** Whatever its arguments are. */
  readonly names: readonly string[]
  /** Only with certain arguments: any of the conditions suffices. */
  readonly conditional: readonly { readonly name: string; readonly conditions: readonly string[] }[]
}

/**
 * What `linux.seccomp` comes to for a process (config-linux.md §seccomp). A rule that says what the default says adds
 * nothing and is left out, as the compiler leaves it out.
 */
export function summarizeSeccomp(profile: OciSeccomp): SeccompSummary {
  const others = outcomeOf(profile.defaultAction, profile.defaultErrnoRet)
  const byOutcome = new Map<string, Map<string, string[]>>()
  for (const rule of profile.syscalls ?? []) {
    const outcome = outcomeOf(rule.action, rule.errnoRet)
    if (outcome === others) continue
    const calls = byOutcome.get(outcome) ?? new Map<string, string[]>()
    byOutcome.set(outcome, calls)
    const conditions = conditionsOf(rule)
    for (const name of rule.names) calls.set(name, [...(calls.get(name) ?? []), ...conditions])
  }
  const names = (profile.syscalls ?? []).flatMap((rule) => rule.names)
  const stubbed = needsStub(profile) && names.length > 0
  return {
    groups: [...byOutcome].map(([outcome, calls]) => groupOf(outcome, calls)),
    others,
    ...(stubbed ? { newer: `answered with ${errnoName(ENOSYS)}` } : {}),
    architectures: profile.architectures ?? [],
  }
}

/** {@link summarizeSeccomp} as text. */
export function explainSeccomp(profile: OciSeccomp | undefined): string {
  if (profile === undefined) return 'no seccomp filter: every system call is allowed\n'
  const { groups, others, newer, architectures } = summarizeSeccomp(profile)
  const lines = groups.flatMap(({ outcome, names, conditional }) => [
    ...(names.length === 0 ? [] : [`${outcome} (${names.length}):`, ...wrap(names)]),
    ...(conditional.length === 0 ? [] : [`${outcome}, with conditions (${conditional.length}):`]),
    ...conditional.map(({ name, conditions }) => `  ${name}: ${conditions.join(' or ')}`),
  ])
  lines.push(`all others: ${others}`)
  if (newer !== undefined) lines.push(`newer than any named here: ${newer}`)
  const foreign = architectures.length > 0 ? architectures.join(' ') : "the machine's own"
  lines.push(`architectures: ${foreign}`, 'calls of any other architecture: kill the thread')
  return `${lines.join('\n')}\n`
}

const OUTCOMES: Readonly<Partial<Record<OciSeccompAction, string>>> = {
  SCMP_ACT_ALLOW: 'allowed',
  SCMP_ACT_LOG: 'allowed and logged',
  SCMP_ACT_KILL: 'kills the thread',
  SCMP_ACT_KILL_THREAD: 'kills the thread',
  SCMP_ACT_KILL_PROCESS: 'kills the process',
  SCMP_ACT_TRAP: 'gets SIGSYS',
  SCMP_ACT_TRACE: 'asks the tracer',
  SCMP_ACT_NOTIFY: 'asks the listener',
}

function outcomeOf(action: OciSeccompAction, errnoRet = EPERM): string {
  return OUTCOMES[action] ?? `answered with ${errnoName(errnoRet)}`
}

const OPERATORS = {
  SCMP_CMP_NE: '!=',
  SCMP_CMP_LT: '<',
  SCMP_CMP_LE: '<=',
  SCMP_CMP_EQ: '==',
  SCMP_CMP_GE: '>=',
  SCMP_CMP_GT: '>',
} as const

/** Conditions of one rule must all hold, but several on one argument stand each alone: seccomp.ts, alternatives. */
function conditionsOf({ args = [] }: OciSeccompRule): readonly string[] {
  const texts = args.map(({ index, value, valueTwo = 0, op }) =>
    op === 'SCMP_CMP_MASKED_EQ'
      ? `arg${index} & ${hex(value)} == ${hex(valueTwo)}`
      : `arg${index} ${OPERATORS[op]} ${hex(value)}`,
  )
  const distinct = new Set(args.map(({ index }) => index)).size === args.length
  if (texts.length === 0) return ['']
  return distinct ? [texts.join(' and ')] : texts
}

function hex(value: number | bigint): string {
  return value < 10 ? value.toString() : `0x${value.toString(16)}`
}

/** A rule without conditions makes those of others superfluous. */
function groupOf(outcome: string, calls: ReadonlyMap<string, readonly string[]>): SeccompGroup {
  const sorted = [...calls].sort(([a], [b]) => (a < b ? -1 : 1))
  const isFree = ([, conditions]: readonly [string, readonly string[]]) => conditions.includes('')
  return {
    outcome,
    names: sorted.filter(isFree).map(([name]) => name),
    conditional: sorted.filter((call) => !isFree(call)).map(([name, conditions]) => ({ name, conditions })),
  }
}

function wrap(words: readonly string[]): string[] {
  const lines: string[] = []
  let line = ' '
  for (const word of words) {
    if (line.length + word.length + 1 > LINE_WIDTH) {
      lines.push(line)
      line = ' '
    }
    line += ` ${word}`
  }
  return [...lines, line]
}
