// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../runtime-core/errors.ts'

/** How one spec ended. */
export interface SpecResult {
  /** The texts of its containers and its own, joined: `[k8s.io] Container runtime should support …`. */
  readonly name: string
  readonly outcome: 'passed' | 'failed' | 'skipped'
  /** First lines of the failure, or the reason of the skip. */
  readonly cause: string
  readonly durationMs: number
}

/** What is known of a spec that does not pass: why, and the topic under which it is to be solved. */
export interface KnownSpec {
  readonly cause: string
  readonly topic: string
}

const MAX_CAUSE_LENGTH = 400

interface GinkgoSpec {
  readonly ContainerHierarchyTexts: readonly string[] | null
  readonly LeafNodeText: string
  readonly LeafNodeType: string
  readonly State: string
  readonly RunTime: number
  readonly Failure?: { readonly Message?: string }
}

/**
 * Reads the JSON report that ginkgo writes (`--ginkgo.json-report`). Specs that the run's own filters left out, as the
 * benchmarks are, do not appear; suite nodes appear where they failed.
 */
export function readGinkgoReport(text: string): SpecResult[] {
  const suites: readonly { SpecReports: readonly GinkgoSpec[] | null }[] = parse(text)
  return suites
    .flatMap((suite) => suite.SpecReports ?? [])
    .filter((spec) => spec.LeafNodeType === 'It' || outcomeOf(spec) === 'failed')
    .filter((spec) => !(outcomeOf(spec) === 'skipped' && !spec.Failure?.Message))
    .map(resultOf)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** True where a spec that failed is not among those known to. */
export function hasNewFailures(results: readonly SpecResult[], known: Readonly<Record<string, KnownSpec>>): boolean {
  return results.some((result) => result.outcome === 'failed' && known[result.name] === undefined)
}

/** Specs that ended differently in two runs, or were only in one, a line each. */
export function resultDifferences(first: readonly SpecResult[], second: readonly SpecResult[]): string[] {
  const [before, after] = [first, second].map((run) => new Map(run.map((result) => [result.name, result])))
  const names = [...new Set([...first, ...second].map(({ name }) => name))].sort()
  return names.flatMap((name) => {
    const [one, other] = [before?.get(name), after?.get(name)]
    if (one?.outcome === other?.outcome) return []
    const cause = other?.cause || one?.cause || ''
    return [
      `${name}: ${one?.outcome ?? 'not run'}, then ${other?.outcome ?? 'not run'}${cause === '' ? '' : `: ${cause}`}`,
    ]
  })
}

/** The report for a person: every failed and skipped spec with its cause, what is known of it, and the sums. */
export function formatResults(results: readonly SpecResult[], known: Readonly<Record<string, KnownSpec>>): string {
  const lines: string[] = []
  for (const outcome of ['failed', 'skipped'] as const) {
    const chosen = results.filter((result) => result.outcome === outcome)
    if (chosen.length > 0) lines.push('', `${outcome}:`)
    for (const { name, cause } of chosen) {
      const entry = known[name]
      lines.push(`  ${name}`, ...(entry === undefined ? [`      ${cause}`] : [`      ${entry.topic}: ${entry.cause}`]))
    }
  }
  const stale = results.filter((result) => result.outcome === 'passed' && known[result.name] !== undefined)
  if (stale.length > 0)
    lines.push('', 'passed, though listed as known not to:', ...stale.map(({ name }) => `  ${name}`))
  const sum = (outcome: string): number => results.filter((result) => result.outcome === outcome).length
  const seconds = results.reduce((total, result) => total + result.durationMs, 0) / 1000
  lines.push(
    '',
    `passed ${sum('passed')}, failed ${sum('failed')}, skipped ${sum('skipped')} (${seconds.toFixed(0)} s)`,
  )
  return lines.join('\n')
}

function resultOf(spec: GinkgoSpec): SpecResult {
  const texts = [...(spec.ContainerHierarchyTexts ?? []), spec.LeafNodeText || spec.LeafNodeType]
  return {
    name: texts.join(' '),
    outcome: outcomeOf(spec),
    cause: shorten(spec.Failure?.Message ?? ''),
    durationMs: spec.RunTime / 1e6,
  }
}

function outcomeOf(spec: GinkgoSpec): SpecResult['outcome'] {
  if (spec.State === 'passed') return 'passed'
  return spec.State === 'skipped' || spec.State === 'pending' ? 'skipped' : 'failed'
}

function shorten(message: string): string {
  // Gomega repeats the error as Go prints its structure: the words before that, or the first of those in it, will do.
  const [before = '', after = ''] = message.split('Unexpected error:')
  const said = before.trim() === '' ? after.replace(/<[^>]*>:/, '').replace(/\n\s*\{[\s\S]*/, '') : before
  const flat = said.replace(/\s+/g, ' ').trim()
  return flat.length <= MAX_CAUSE_LENGTH ? flat : `${flat.slice(0, MAX_CAUSE_LENGTH)}…`
}

function parse(text: string): readonly { SpecReports: readonly GinkgoSpec[] | null }[] {
  try {
    const parsed: unknown = JSON.parse(text)
    if (Array.isArray(parsed)) return parsed
  } catch (cause) {
    throw new GantryError('invalid_argument', { action: 'read ginkgo report', cause })
  }
  throw new GantryError('invalid_argument', { action: 'read ginkgo report', reason: 'not a list of suites' })
}
