// SPDX-License-Identifier: Apache-2.0
import { visible } from '../table.ts'

/** `ok`; `warning`: works, with something missing; `failure`: pods will not run. */
export type FindingLevel = 'ok' | 'warning' | 'failure'

/** What one look at the node found. */
export interface Finding {
  readonly level: FindingLevel
  /** What was looked at, in a word or two. */
  readonly subject: string
  readonly text: string
  /** What to do about it. */
  readonly hint?: string
}

export function ok(subject: string, text: string): Finding {
  return { level: 'ok', subject, text }
}

export function warning(subject: string, text: string, hint: string): Finding {
  return { level: 'warning', subject, text, hint }
}

export function failure(subject: string, text: string, hint: string): Finding {
  return { level: 'failure', subject, text, hint }
}

/** One line a finding, and a last one with the verdict. */
export function formatFindings(findings: readonly Finding[]): string {
  const width = Math.max(0, ...findings.map(({ subject }) => subject.length))
  const lines = findings.map(({ level, subject, text, hint }) => {
    const advice = hint === undefined ? '' : ` (${visible(hint)})`
    return `${level.padEnd(7)}  ${subject.padEnd(width)}  ${visible(text)}${advice}`
  })
  return `${[...lines, verdict(findings)].join('\n')}\n`
}

function verdict(findings: readonly Finding[]): string {
  const count = (wanted: FindingLevel): number => findings.filter(({ level }) => level === wanted).length
  const [failures, warnings] = [count('failure'), count('warning')]
  const number = (many: number, word: string): string => `${many} ${word}${many === 1 ? '' : 's'}`
  const counts = `${number(failures, 'failure')}, ${number(warnings, 'warning')}`
  return failures > 0 ? `this node is not fit: ${counts}` : `this node is fit: ${counts}`
}
