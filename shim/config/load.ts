// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parse as parseToml } from 'smol-toml'
import { GantryError } from '../../runtime-core/errors.ts'
import { buildConfig, type GantryConfig, OPTIONS } from './schema.ts'

/** What the command line asks for. */
export type CommandLine =
  | { readonly kind: 'run'; readonly config: GantryConfig }
  | { readonly kind: 'help' | 'version' }

/**
 * Reads gantryd's command line and the file it names.
 *
 * @throws GantryError `invalid_argument` naming flag or key, value and what was expected.
 */
export function readCommandLine(args: readonly string[]): CommandLine {
  const flags = Object.values(OPTIONS).filter(({ flag }) => flag)
  let values: Record<string, string | boolean | undefined>
  try {
    const text = Object.fromEntries(
      ['config', ...flags.map(({ name }) => name)].map((name) => [name, { type: 'string' as const }]),
    )
    values = parseArgs({
      args: [...args],
      options: { ...text, help: { type: 'boolean', short: 'h' }, version: { type: 'boolean' } },
      strict: true,
    }).values as typeof values
  } catch (cause) {
    throw new GantryError('invalid_argument', { action: 'read command line', cause })
  }
  if (values['help'] === true) return { kind: 'help' }
  if (values['version'] === true) return { kind: 'version' }
  const { config, ...given } = values as Record<string, string | undefined>
  return { kind: 'run', config: buildConfig(config === undefined ? {} : readFile(config), given) }
}

/** The text of `gantryd --help`, from the table of options. */
export function helpText(): string {
  const rows = Object.values(OPTIONS).map(
    ({ name, standard, about }) => `  --${name.padEnd(22)} ${about} (${JSON.stringify(standard)})`,
  )
  return [
    'usage: gantryd [--config FILE] [flags]',
    '',
    '  --config                 TOML file with the same keys; flags win',
    ...rows,
    '',
  ].join('\n')
}

function readFile(path: string): Record<string, unknown> {
  try {
    return parseToml(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new GantryError('invalid_argument', { action: 'read configuration', subject: path, cause })
  }
}
