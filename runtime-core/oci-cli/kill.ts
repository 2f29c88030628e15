// SPDX-License-Identifier: Apache-2.0

import { thawCgroup } from '../cgroup/freeze.ts'
import { killCgroup } from '../cgroup/kill.ts'
import { errnoOf, GantryError } from '../errors.ts'
import { defineCommand } from './command.ts'
import { type FoundContainer, findContainer, forbidden, readConfig } from './container.ts'
import { parseSignal } from './signals.ts'

const SIGKILL = 9
const KILL_DEADLINE_MS = 10_000

export const command = defineCommand({
  usage: '<container-id> [signal]',
  about: 'send a signal to the program of a container (default: SIGTERM)',
  options: { all: { kind: 'switch', short: 'a', about: 'obsolete: one that has stopped is no error', hidden: true } },
  args: { min: 1, max: 2 },
  async run({ global, options, args: [id = '', signal = 'SIGTERM'] }) {
    const container = findContainer(global.root, id)
    const number = parseSignal(signal)
    if (container.init === undefined) {
      if (options.all) return 0
      throw forbidden('container not running')
    }
    await sendSignal(container, container.init.pid, number)
    return 0
  },
})

async function sendSignal(container: FoundContainer, pid: number, signal: number): Promise<void> {
  if (signal === SIGKILL && sharesPids(container)) {
    // Nothing ends the others with the first process: each has to be told.
    await killCgroup(container.record.cgroup, KILL_DEADLINE_MS)
    return
  }
  try {
    process.kill(pid, signal)
  } catch (cause) {
    if (errnoOf(cause) === 'ESRCH') throw forbidden('container not running')
    throw new GantryError('internal', { action: 'signal container', subject: container.record.id, cause })
  }
  // A process that v1's freezer holds dies only when it is let go.
  if (signal === SIGKILL && container.status === 'paused' && container.record.cgroup.freezer?.version === 1) {
    await thawCgroup(container.record.cgroup)
  }
}

function sharesPids({ files }: FoundContainer): boolean {
  const namespaces = readConfig(files).linux?.namespaces ?? []
  return !namespaces.some(({ type, path }) => type === 'pid' && path === undefined)
}
