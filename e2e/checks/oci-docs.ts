// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { OptionTable } from '../../runtime-core/oci-cli/arguments.ts'
import { COMMANDS, type CommandName } from '../../runtime-core/oci-cli/commands.ts'
import { GLOBAL_OPTIONS } from '../../runtime-core/oci-cli/global-options.ts'
import { specFields } from '../../runtime-core/spec/validate.ts'
import type { Check } from './check.ts'
import { coverageProblems, rowsOf, testProblems, titlesIn } from './documented-fields.ts'

const PAGE = 'docs/oci.md'
const FIELDS = 'config.json'
const COMMAND_LINE = 'gantry-oci'

export const ociDocs: Check = {
  name: `${PAGE} tells the fate of every field of config.json and every option of gantry-oci, and names tests that are there`,
  findProblems: async (root) => {
    const page = await readFile(join(root, PAGE), 'utf8')
    const rows = rowsOf(page).filter(({ heading }) => heading === FIELDS)
    const fields = specFields().map((field) => `${FIELDS} ${field}`)
    return [
      ...coverageProblems(PAGE, fields, rows),
      ...(await testProblems(PAGE, rows, titlesIn(root))),
      ...commandLineProblems(await commandLine(), page),
    ]
  },
}

/** Each command with its options; the global ones are those of the program itself. */
async function commandLine(): Promise<Map<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>([[COMMAND_LINE, shownOptions(GLOBAL_OPTIONS)]])
  for (const name of Object.keys(COMMANDS) as CommandName[]) {
    found.set(name, shownOptions((await COMMANDS[name]()).options))
  }
  return found
}

function shownOptions(table: OptionTable): string[] {
  return Object.keys(table).filter((name) => table[name]?.hidden !== true)
}

/** The command line's table has two cells: command and option, what it does. */
export function commandLineProblems(expected: ReadonlyMap<string, readonly string[]>, page: string): string[] {
  const section = page.split(/^## /m).find((text) => text.startsWith(`\`${COMMAND_LINE}\``)) ?? ''
  const present = [...section.matchAll(/^\| `([a-z-]+)(?: --([a-z0-9-]+))?[^`]*`/gm)].map(([, command, option]) =>
    option === undefined ? `${command}` : `${command} --${option}`,
  )
  const wanted = [...expected].flatMap(([command, options]) => [
    command,
    ...options.map((name) => `${command} --${name}`),
  ])
  return [
    ...wanted.filter((one) => !present.includes(one)).map((one) => `${PAGE} has no row for ${one}`),
    ...present.filter((one) => !wanted.includes(one)).map((one) => `${PAGE} has a row for ${one}, which is not there`),
  ]
}
