// SPDX-License-Identifier: Apache-2.0

/** One line `ok` or `not ok` of a report in the Test Anything Protocol. */
export interface TapPoint {
  readonly result: 'ok' | 'not ok' | 'skipped'
  readonly description: string
}

/** What a program of the validation suite said and how it ended. */
export interface TapReport {
  readonly points: readonly TapPoint[]
  /** Undefined: by a signal, or by its deadline. */
  readonly exitCode: number | undefined
}

const POINT = /^(not )?ok\b\s*\d*\s*(?:- ?)?(.*)$/

/** The points of a report, in its order. Diagnostics are indented, other output is passed over. */
export function readPoints(output: string): TapPoint[] {
  return output.split('\n').flatMap((line) => {
    const [all, not, text = ''] = POINT.exec(line) ?? []
    if (all === undefined) return []
    const skip = /^(.*?)#\s*skip\b\S*\s*(.*)$/i.exec(text)
    const description = (skip === null ? text : `${skip[1]}${skip[2]}`).trim()
    return [{ result: skip !== null ? 'skipped' : not === undefined ? 'ok' : 'not ok', description }]
  })
}

/** Nothing failed, and the program says so too. Some of the suite have no points, and tell by their exit code alone. */
export function hasPassed({ points, exitCode }: TapReport): boolean {
  return exitCode === 0 && points.every(({ result }) => result !== 'not ok')
}

/** `3 of 5`, with the way the program ended where that was not by 0. */
export function summary({ points, exitCode }: TapReport): string {
  const counted = points.filter(({ result }) => result !== 'skipped')
  const ok = counted.filter(({ result }) => result === 'ok').length
  const end = exitCode === undefined ? ' killed' : exitCode === 0 ? '' : ` exit ${exitCode}`
  return counted.length === 0 && exitCode === 0 ? 'ok' : `${ok} of ${counted.length}${end}`
}

/**
 * What passes in `peer` and does not in `ours`: a point by its description, the nth of that description where several
 * have it, and the exit code.
 */
export function regressions(peer: TapReport, ours: TapReport): string[] {
  const mine = byName(ours.points)
  const lost = [...byName(peer.points)].flatMap(([name, result]) => {
    const got = mine.get(name) ?? 'missing'
    return result === 'ok' && got !== 'ok' ? [`${got}: ${name}`] : []
  })
  const ended = peer.exitCode === 0 && ours.exitCode !== 0
  return [...lost, ...(ended ? [`ended with ${ours.exitCode ?? 'a signal'}`] : [])]
}

function byName(points: readonly TapPoint[]): Map<string, TapPoint['result']> {
  const found = new Map<string, TapPoint['result']>()
  const seen = new Map<string, number>()
  for (const { description, result } of points) {
    const name = withoutIds(description)
    const count = (seen.get(name) ?? 0) + 1
    seen.set(name, count)
    found.set(count === 1 ? name : `${name} (${count})`, result)
  }
  return found
}

/** Pids, ids and temporary directories differ from one run to the next. */
function withoutIds(description: string): string {
  return description
    .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
    .replace(/\/proc\/\d+/g, '/proc/PID')
    .replace(/ocitest\d+/g, 'ocitest')
}
