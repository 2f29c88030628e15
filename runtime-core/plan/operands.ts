// SPDX-License-Identifier: Apache-2.0

/**
 * Kinds of operands:
 * - `str`   NUL-terminated bytes; `ostr` the same or absent (NULL)
 * - `u64`   an unsigned number
 * - `slot`  index into the keeper's table of file descriptors; `oslot` the same or absent (AT_FDCWD / none)
 * - `data`  bytes with a length (takes two words)
 * - `strv`  a NULL-terminated array of strings
 */
export type OperandKind = 'str' | 'ostr' | 'u64' | 'slot' | 'oslot' | 'data' | 'strv'

/** How a number is printed by `gantry explain`. */
export type NumberFormat =
  | 'dec'
  | 'oct'
  | 'hex'
  | 'openflags'
  | 'msflags'
  | 'attr'
  | 'propagation'
  | 'cloneflags'
  | 'dev'
  | 'rlimit'
  | 'prctl'

export interface Operand {
  readonly name: string
  readonly kind: OperandKind
  readonly format?: NumberFormat
}

export interface OpSpec {
  readonly code: number
  readonly operands: readonly Operand[]
  /** What it does, and why it stands where it stands. */
  readonly about: string
}

export const str = <N extends string>(name: N) => ({ name, kind: 'str' }) as const
export const ostr = <N extends string>(name: N) => ({ name, kind: 'ostr' }) as const
export const num = <N extends string>(name: N, format: NumberFormat = 'dec') => ({ name, kind: 'u64', format }) as const
export const slot = <N extends string>(name: N) => ({ name, kind: 'slot' }) as const
export const oslot = <N extends string>(name: N) => ({ name, kind: 'oslot' }) as const
export const data = <N extends string>(name: N) => ({ name, kind: 'data' }) as const
export const strv = <N extends string>(name: N) => ({ name, kind: 'strv' }) as const

/** What an operand takes. */
export type Value<K extends OperandKind> = K extends 'str'
  ? string | Uint8Array
  : K extends 'ostr'
    ? string | undefined
    : K extends 'u64'
      ? number | bigint
      : K extends 'slot'
        ? number
        : K extends 'oslot'
          ? number | undefined
          : K extends 'data'
            ? string | Uint8Array
            : readonly (string | Uint8Array)[]
