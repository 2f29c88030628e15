// SPDX-License-Identifier: Apache-2.0
import { GantryError, hasCode } from '../errors.ts'
import { ContainerFiles, checkContainerId, removeRecord } from '../state/container-record.ts'
import { defineCommand } from './command.ts'
import { withContainer } from './container.ts'
import { destroyContainer } from './destroy.ts'
import { Log } from './log.ts'

export const command = defineCommand({
  usage: '<container-id>',
  about: 'remove a container that has stopped',
  options: { force: { kind: 'switch', short: 'f', about: 'kill it first; one that does not exist is no error' } },
  args: { min: 1, max: 1 },
  async run({ global, options, args: [id = ''] }) {
    const log = new Log(global)
    try {
      await withContainer(global.root, id, async ({ status }) => {
        if (!options.force && status !== 'stopped' && status !== 'created') {
          throw new GantryError('failed_precondition', {
            action: `cannot delete container ${id} that is not stopped: ${status}`,
          })
        }
        await destroyContainer(global.root, id, (message) => log.write('warning', message))
      })
    } catch (error) {
      if (!options.force || !hasCode(error, 'not_found')) throw error
      // What a crash left before there was a record.
      checkContainerId(id)
      removeRecord(new ContainerFiles(global.root, id))
    }
    return 0
  },
})
