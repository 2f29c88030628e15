// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util'
import { GantryError } from '../../runtime-core/errors.ts'

/** Where a node's gantryd listens unless it was told otherwise. */
export const DEFAULT_ENDPOINT = 'unix:///run/gantry/gantry.sock'

/** What a command may be told beside its operands. */
export interface OperatorOptions {
  /** `unix:///path` of the daemon. */
  readonly listen: string
  /** For programs rather than people: JSON instead of a table. */
  readonly json: boolean
  /** explain: the system calls a container may make, in place of its start. */
  readonly seccomp: boolean
  /** gantryd's configuration file and the flags that some commands share with it, by flag name. */
  readonly daemon: Readonly<Record<string, string | undefined>>
}

/** A command line that can be carried out. */
export type OperatorCommandLine =
  | { readonly kind: 'help' }
  | {
      readonly kind: 'run'
      readonly command: string
      readonly operands: readonly string[]
      readonly options: OperatorOptions
    }

/** How many operands a command takes. */
export interface Arity {
  readonly operands: readonly string[]
}

const DAEMON_FLAGS = ['config', 'root', 'state', 'cni-conf-dir', 'cni-bin-dir', 'registry-config-dir'] as const

/**
 * Reads the operator's command line. Flags may stand before or after the command.
 *
 * @param commands Every command there is, with the names of the operands it needs.
 * @throws GantryError `invalid_argument` naming the word that does not fit.
 */
export function readOperatorCommandLine(
  args: readonly string[],
  commands: ReadonlyMap<string, Arity>,
): OperatorCommandLine {
  const { values, positionals } = parse(args)
  const [command, ...operands] = positionals
  if (values.help === true || command === 'help') return { kind: 'help' }
  if (values.version === true) return run('version', [], values)
  if (command === undefined) throw misuse('expected a command')
  const arity = commands.get(command)
  if (arity === undefined) throw misuse(`"${command}" is not a command`)
  if (operands.length < arity.operands.length) {
    throw misuse(`"${command}" needs ${arity.operands.slice(operands.length).join(' ')}`)
  }
  const surplus = operands[arity.operands.length]
  if (surplus !== undefined) throw misuse(`"${command}" does not take "${surplus}"`)
  return run(command, operands, values)
}

type Values = ReturnType<typeof parse>['values']

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      strict: true,
      options: {
        listen: { type: 'string' },
        json: { type: 'boolean' },
        seccomp: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean' },
        config: { type: 'string' },
        root: { type: 'string' },
        state: { type: 'string' },
        'cni-conf-dir': { type: 'string' },
        'cni-bin-dir': { type: 'string' },
        'registry-config-dir': { type: 'string' },
      },
    })
  } catch (cause) {
    throw new GantryError('invalid_argument', { action: 'read command line', hint: 'gantry --help', cause })
  }
}

function run(command: string, operands: readonly string[], values: Values): OperatorCommandLine {
  const listen = values.listen ?? DEFAULT_ENDPOINT
  if (!listen.startsWith('unix:///')) throw misuse(`--listen "${listen}": expected unix:///path`)
  const daemon = Object.fromEntries(DAEMON_FLAGS.map((flag) => [flag, values[flag]]))
  const seccomp = values.seccomp === true
  if (seccomp && command !== 'explain') throw misuse(`"${command}" does not take --seccomp`)
  return { kind: 'run', command, operands, options: { listen, json: values.json === true, seccomp, daemon } }
}

function misuse(reason: string): GantryError {
  return new GantryError('invalid_argument', { action: 'read command line', reason, hint: 'gantry --help' })
}
