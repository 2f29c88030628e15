// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../errors.ts'

/** An option of a command. */
export interface OptionSpec {
  readonly kind: 'switch' | 'text' | 'number' | 'list'
  readonly short?: string
  /** Shown in the usage. */
  readonly value?: string
  readonly about: string
  /** Accepted and without effect, as the caller's habit; not shown. */
  readonly hidden?: boolean
}

export type OptionTable = Readonly<Record<string, OptionSpec>>

type OptionValue<S extends OptionSpec> = S['kind'] extends 'switch'
  ? boolean
  : S['kind'] extends 'list'
    ? readonly string[]
    : S['kind'] extends 'number'
      ? number | undefined
      : string | undefined

/** What was given, by the names of the table. */
export type OptionValues<T extends OptionTable> = { readonly [K in keyof T]: OptionValue<T[K]> }

export interface Parsed<T extends OptionTable> {
  readonly options: OptionValues<T>
  /** Names of options that were given. */
  readonly given: ReadonlySet<string>
  readonly rest: readonly string[]
}

/**
 * Reads options as runc's parser (Go's flag) does: one or two dashes, `--name value` or `--name=value`, switches with an
 * optional `=true` or `=false`, `--` ends them.
 *
 * @param mixed Options may stand behind arguments too; false where what follows the first argument is another program's.
 * @throws GantryError `invalid_argument` in the words of Go's flag package.
 */
export function parseOptions<T extends OptionTable>(table: T, args: readonly string[], mixed: boolean): Parsed<T> {
  const values: Record<string, boolean | number | string | string[] | undefined> = {}
  for (const [name, { kind }] of Object.entries(table)) {
    values[name] = kind === 'switch' ? false : kind === 'list' ? [] : undefined
  }
  const given = new Set<string>()
  const rest: string[] = []
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? ''
    if (arg === '--') return { options: values as OptionValues<T>, given, rest: [...rest, ...args.slice(at + 1)] }
    if (!arg.startsWith('-') || arg === '-') {
      if (!mixed) return { options: values as OptionValues<T>, given, rest: args.slice(at) }
      rest.push(arg)
      continue
    }
    const [, typed = '', inline] = /^--?([^=]*)(?:=(.*))?$/s.exec(arg) ?? []
    const [name, spec] = find(table, typed)
    if (name === undefined || spec === undefined) throw wrong(`flag provided but not defined: -${typed}`)
    given.add(name)
    if (spec.kind === 'switch') {
      values[name] = readSwitch(typed, inline)
      continue
    }
    const text = inline ?? args[++at]
    if (text === undefined) throw wrong(`flag needs an argument: -${typed}`)
    if (spec.kind === 'list') (values[name] as string[]).push(text)
    else values[name] = spec.kind === 'number' ? readNumber(typed, text) : text
  }
  return { options: values as OptionValues<T>, given, rest }
}

function find(table: OptionTable, typed: string): [string, OptionSpec] | [undefined, undefined] {
  const row = Object.entries(table).find(
    ([name, { short }]) => name === typed || (short !== undefined && short === typed),
  )
  return row ?? [undefined, undefined]
}

function readSwitch(name: string, text: string | undefined): boolean {
  if (text === undefined || /^(1|t|true|T|TRUE|True)$/.test(text)) return true
  if (/^(0|f|false|F|FALSE|False)$/.test(text)) return false
  throw wrong(`invalid boolean value ${JSON.stringify(text)} for -${name}: parse error`)
}

function readNumber(name: string, text: string): number {
  const number = Number(text)
  if (!/^[+-]?(0[xX][0-9a-fA-F]+|\d+)$/.test(text) || !Number.isSafeInteger(number)) {
    throw wrong(`invalid value ${JSON.stringify(text)} for flag -${name}: parse error`)
  }
  return number
}

/** Thrown for a command line that cannot be understood; the usage is shown with it. */
export class UsageError extends GantryError {
  constructor(text: string) {
    super('invalid_argument', { action: text })
  }
}

function wrong(text: string): UsageError {
  return new UsageError(text)
}
