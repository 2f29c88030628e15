// SPDX-License-Identifier: Apache-2.0
import type { OptionTable } from './arguments.ts'
import { COMMANDS, type CommandName } from './commands.ts'
import { GLOBAL_OPTIONS } from './global-options.ts'
import { release, SPEC_VERSION } from './version.ts'

/** `--version`: name, release and specification, as callers look for them. */
export function versionText(): string {
  return `gantry-oci version ${release()}\nspec: ${SPEC_VERSION}\nnode: ${process.version}\n`
}

/** `--help` without a command. */
export async function generalHelp(): Promise<string> {
  const names = Object.keys(COMMANDS) as CommandName[]
  const rows = await Promise.all(names.map(async (name) => [name, (await COMMANDS[name]()).about] as const))
  return [
    'gantry-oci: an OCI runtime (runtime-spec 1.3)',
    '',
    'usage: gantry-oci [global options] command [options] [arguments]',
    '',
    'commands:',
    ...rows.map(([name, about]) => `  ${name.padEnd(12)} ${about}`),
    '',
    'global options:',
    ...optionRows(GLOBAL_OPTIONS),
    '',
  ].join('\n')
}

/** `--help` of one command. */
export async function commandHelp(name: CommandName): Promise<string> {
  const { usage, about, options } = await COMMANDS[name]()
  return [
    `gantry-oci ${name}: ${about}`,
    '',
    `usage: gantry-oci ${name} [options] ${usage}`,
    ...(Object.keys(options).length === 0 ? [] : ['', 'options:', ...optionRows(options)]),
    '',
  ].join('\n')
}

function optionRows(table: OptionTable): string[] {
  return Object.entries(table)
    .filter(([, { hidden }]) => hidden !== true)
    .map(([name, { short, value, about }]) => {
      const names = `--${name}${value === undefined ? '' : ` ${value}`}${short === undefined ? '' : `, -${short}`}`
      return `  ${names.padEnd(32)} ${about}`
    })
}
