// SPDX-License-Identifier: Apache-2.0

import { GantryError } from '../errors.ts'
import type { CgroupWrite } from './plan.ts'

/** A setting of `linux.resources` on its way to a file. */
export interface Setting {
  readonly controller: string
  readonly file: string
  readonly value: string | number
  /** As the user knows it: `cpu.shares`. */
  readonly field: string
  readonly ignore?: readonly string[]
  /** The file of the same controller that takes it where `file` is not there. */
  readonly orElse?: { readonly file: string; readonly value: string | number }
}

/** Gathers the writes of one container, and refuses those whose controller is not there. */
export class WriteList {
  readonly writes: CgroupWrite[] = []
  readonly warnings: string[] = []
  /** Controllers written to. */
  readonly used = new Set<string>()
  readonly #directoryOf: (controller: string) => string | undefined

  /** `directoryOf`: the container's directory in the hierarchy of a controller, undefined where there is none. */
  constructor(directoryOf: (controller: string) => string | undefined) {
    this.#directoryOf = directoryOf
  }

  has(controller: string): boolean {
    return this.#directoryOf(controller) !== undefined
  }

  set({ controller, file, value, field, ignore, orElse }: Setting): void {
    const directory = this.#directoryOf(controller)
    if (directory === undefined) throw refused(field, value, `unset, for this host has no ${controller} controller`)
    this.used.add(controller)
    const text = (one: string | number): string => (typeof one === 'number' ? decimal(one, field) : one)
    this.writes.push({
      path: `${directory}/${file}`,
      value: text(value),
      ...(orElse === undefined ? {} : { orElse: { path: `${directory}/${orElse.file}`, value: text(orElse.value) } }),
      ...(ignore === undefined ? {} : { ignore }),
    })
  }
}

/** An invalid_argument that names field, value and what is expected instead. */
export function refused(field: string, value: unknown, expected: string): GantryError {
  const shown = typeof value === 'bigint' ? String(value) : JSON.stringify(value)
  return new GantryError('invalid_argument', {
    action: 'set cgroup limit',
    subject: `linux.resources.${field}`,
    reason: `is ${shown}, expected ${expected}`,
  })
}

/** All digits, also of what JavaScript would print as 1e+21. */
export function decimal(value: number, field: string): string {
  if (!Number.isInteger(value)) throw refused(field, value, 'an integer')
  return BigInt(value).toString()
}

/** A number within bounds, as text. */
export function between(value: number, low: number, high: number, field: string): number {
  if (!Number.isInteger(value) || value < low || value > high) throw refused(field, value, `${low} to ${high}`)
  return value
}

/** A cpuset list: `0-3,7`. */
export function cpuList(value: string, field: string): string {
  if (!/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(value.trim())) throw refused(field, value, 'a list such as 0-3,7')
  return value.trim()
}

/** `2MB`, as in names of files. */
export function pageSize(value: string): string {
  if (!/^[1-9]\d{0,9}[KMG]B$/.test(value)) throw refused('hugepageLimits.pageSize', value, 'a size such as 2MB')
  return value
}
