// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { errnoOf, GantryError } from '../errors.ts'

/** A process by more than its number, which may be somebody else's tomorrow. */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks since boot (proc_pid_stat(5), field 22). */
  readonly startTime: bigint
}

export interface ProcessStat {
  /** One letter: `R`, `S`, `Z`, … */
  readonly state: string
  readonly startTime: bigint
}

/** What the kernel says of a process; undefined where there is none. */
export function readProcessStat(pid: number): ProcessStat | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT' || errnoOf(cause) === 'ESRCH') return undefined
    throw new GantryError('internal', { action: 'read process', subject: String(pid), cause })
  }
  return parseProcessStat(text)
}

/** The name in parentheses may hold blanks and parentheses: fields are counted from the last one. */
export function parseProcessStat(text: string): ProcessStat | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state] = fields
  const startTime = fields[19]
  return state === undefined || startTime === undefined ? undefined : { state, startTime: BigInt(startTime) }
}

/** Whether just this process still runs; one that waits to be reaped does not. */
export function isRunning({ pid, startTime }: ProcessIdentity): boolean {
  const stat = readProcessStat(pid)
  return stat !== undefined && stat.startTime === startTime && stat.state !== 'Z' && stat.state !== 'X'
}
