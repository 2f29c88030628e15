// SPDX-License-Identifier: Apache-2.0
import type { OptionTable, OptionValues } from './arguments.ts'
import type { GlobalOptions } from './global-options.ts'

/** What a command gets to work with. */
export interface Invocation<T extends OptionTable> {
  readonly global: GlobalOptions
  readonly options: OptionValues<T>
  /** Names of options that were given. */
  readonly given: ReadonlySet<string>
  readonly args: readonly string[]
}

/** One command of the command line; its file exports it as `command`. */
export interface Command<T extends OptionTable = OptionTable> {
  /** Behind the name, in the usage: `<container-id>`. */
  readonly usage: string
  readonly about: string
  readonly options: T
  /** How many arguments there may be. */
  readonly args: { readonly min: number; readonly max: number }
  /** What follows the first argument is another program's: its options are not ours. */
  readonly passesOn?: boolean
  /** Exit status of a failure; 1 where absent. */
  readonly failureStatus?: number
  /** @returns the exit status. */
  run(invocation: Invocation<T>): Promise<number> | number
}

/** Gives the options of a command their types. */
export function defineCommand<const T extends OptionTable>(command: Command<T>): Command<T> {
  return command
}
