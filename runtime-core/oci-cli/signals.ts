// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:os'
import { GantryError } from '../errors.ts'

/** SIGRTMIN and SIGRTMAX as programs see them: the kernel's first two are the C library's own. */
const FIRST_REALTIME = 34
const LAST = 64

/**
 * The number of a signal given as number, `TERM` or `SIGTERM`, of any case; `RTMIN+3` and `RTMAX-1` too.
 *
 * @throws GantryError `invalid_argument` for what is no signal.
 */
export function parseSignal(text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : byName(text)
  if (number !== undefined && number >= 0 && number <= LAST) return number
  throw new GantryError('invalid_argument', { action: `unknown signal ${JSON.stringify(text)}` })
}

function byName(text: string): number | undefined {
  const name = text.toUpperCase().replace(/^SIG/, '')
  const [, edge, sign, offset] = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name) ?? []
  if (edge !== undefined) {
    const base = edge === 'MIN' ? FIRST_REALTIME : LAST
    return base + (sign === '-' ? -1 : 1) * Number(offset ?? 0)
  }
  const known: Readonly<Record<string, number>> = constants.signals
  return known[`SIG${name}`]
}
