// SPDX-License-Identifier: Apache-2.0
import { processesOf } from '../cgroup/kill.ts'
import { GantryError } from '../errors.ts'
import { UsageError } from './arguments.ts'
import { defineCommand } from './command.ts'
import { findContainer, forbidden } from './container.ts'
import { print } from './print.ts'

export const command = defineCommand({
  usage: '<container-id> [ps options]',
  about: 'show the processes of a container (ps options default to -ef)',
  options: { format: { kind: 'text', short: 'f', value: 'table|json', about: 'format (default: table)' } },
  args: { min: 1, max: Number.POSITIVE_INFINITY },
  passesOn: true,
  async run({ global, options, args: [id = '', ...psOptions] }) {
    const { record, status } = findContainer(global.root, id)
    if (status === 'stopped') throw forbidden('container not running')
    const { procsFile } = record.cgroup
    const pids = await processesOf(procsFile.slice(0, procsFile.lastIndexOf('/')))
    const format = options.format ?? 'table'
    if (format === 'json') print(`${JSON.stringify(pids)}\n`)
    else if (format === 'table') print(table(pids, psOptions.length === 0 ? ['-ef'] : psOptions))
    else throw new UsageError('invalid format option')
    return 0
  },
})

/** Of what ps prints the heading and the lines of these processes; the column of pids is named by the heading. */
function table(pids: readonly number[], psOptions: readonly string[]): string {
  const { status, stdout, stderr, error } = process
    .getBuiltinModule('node:child_process')
    .spawnSync('ps', psOptions, { encoding: 'utf8' })
  if (error !== undefined || status !== 0) {
    throw new GantryError('failed_precondition', { action: 'run ps', reason: stderr?.trim() ?? '', cause: error })
  }
  return filterByPid(stdout, new Set(pids))
}

/** @throws GantryError where the heading has no PID. */
export function filterByPid(text: string, pids: ReadonlySet<number>): string {
  const [heading = '', ...lines] = text.split('\n')
  const column = heading.trim().split(/\s+/).indexOf('PID')
  if (column < 0) throw new GantryError('invalid_argument', { action: "couldn't find PID field in ps output" })
  const own = lines.filter((line) => pids.has(Number(line.trim().split(/\s+/)[column] ?? 'NaN')))
  return `${[heading, ...own].join('\n')}\n`
}
