// SPDX-License-Identifier: Apache-2.0
import { freezeCgroup } from '../cgroup/freeze.ts'
import { defineCommand } from './command.ts'
import { forbidden, withContainer } from './container.ts'

export const command = defineCommand({
  usage: '<container-id>',
  about: 'stop all processes of a container where they are',
  options: {},
  args: { min: 1, max: 1 },
  async run({ global, args: [id = ''] }) {
    await withContainer(global.root, id, async ({ status, record }) => {
      if (status !== 'running' && status !== 'created') throw forbidden('container not running')
      await freezeCgroup(record.cgroup)
    })
    return 0
  },
})
