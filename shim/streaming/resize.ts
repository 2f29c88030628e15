// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../runtime-core/errors.ts'

export interface TerminalSize {
  readonly rows: number
  readonly columns: number
}

const MAX_PENDING = 1024
const MAX_SIDE = 65_535

/** Reads sizes of a terminal as clients send them: `{"Width":80,"Height":24}`, one behind the other. */
export class ResizeReader {
  #pending = ''

  /**
   * Takes the next bytes; returns the last size they complete, or undefined. A size with a side of 0 is none.
   *
   * @throws GantryError `invalid_argument` for what is no such text.
   */
  push(bytes: Buffer): TerminalSize | undefined {
    const parts = (this.#pending + bytes.toString('latin1')).split('}')
    this.#pending = parts.pop() ?? ''
    if (this.#pending.length > MAX_PENDING) throw malformed('a size that does not end')
    let last: TerminalSize | undefined
    for (const part of parts) last = parseSize(`${part}}`) ?? last
    return last
  }
}

function parseSize(text: string): TerminalSize | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw malformed('it is no JSON', cause)
  }
  if (typeof value !== 'object' || value === null) throw malformed('it is no object')
  // Go's decoder, which the peers have, takes names in any case.
  const fields = Object.fromEntries(Object.entries(value).map(([name, field]) => [name.toLowerCase(), field]))
  const [columns, rows] = [side(fields['width']), side(fields['height'])]
  return rows < 1 || columns < 1 ? undefined : { rows, columns }
}

function side(value: unknown): number {
  if (value === undefined) return 0
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > MAX_SIDE) {
    throw malformed(`a side of ${String(value).slice(0, 20)}`)
  }
  return value
}

function malformed(reason: string, cause?: unknown): GantryError {
  return new GantryError('invalid_argument', { action: 'read terminal size', reason, ...(cause ? { cause } : {}) })
}
