// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { hasCode, messageOf } from '../errors.ts'
import { listContainerIds } from '../state/container-record.ts'
import { UsageError } from './arguments.ts'
import { defineCommand } from './command.ts'
import { type FoundContainer, findContainer } from './container.ts'
import { print, printError } from './print.ts'
import { describeState } from './state.ts'
import { formatTable } from './table.ts'

export const command = defineCommand({
  usage: '',
  about: 'list the containers below --root',
  options: {
    format: { kind: 'text', short: 'f', value: 'table|json', about: 'format (default: table)' },
    quiet: { kind: 'switch', short: 'q', about: 'ids only' },
  },
  args: { min: 0, max: 0 },
  run({ global, options }) {
    const found = listContainerIds(global.root).flatMap((id) => find(global.root, id))
    if (options.quiet) print(found.map(({ record }) => `${record.id}\n`).join(''))
    else print(describe(found, options.format ?? 'table'))
    return 0
  },
})

/** One that is removed meanwhile is none; one that cannot be read keeps no other from being listed. */
function find(root: string, id: string): FoundContainer[] {
  try {
    return [findContainer(root, id)]
  } catch (error) {
    if (!hasCode(error, 'not_found')) printError(`load container ${id}: ${messageOf(error)}\n`)
    return []
  }
}

function describe(found: readonly FoundContainer[], format: string): string {
  const owners = readOwners()
  const owner = ({ record }: FoundContainer): string => owners.get(record.owner) ?? `#${record.owner}`
  if (format === 'json') {
    const states = found.map((container) => describeState(container, owner(container)))
    return `${JSON.stringify(states.length === 0 ? null : states)}\n`
  }
  if (format !== 'table') throw new UsageError('invalid format option')
  return formatTable([
    ['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER'],
    ...found.map((container) => {
      const { record, status, init } = container
      return [record.id, String(init?.pid ?? 0), status, record.bundle, record.created, owner(container)]
    }),
  ])
}

function readOwners(): ReadonlyMap<number, string> {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  return new Map(lines.map((line) => line.split(':')).map(([name = '', , uid]) => [Number(uid), name]))
}
