// SPDX-License-Identifier: Apache-2.0
import { thawCgroup } from '../cgroup/freeze.ts'
import { defineCommand } from './command.ts'
import { forbidden, withContainer } from './container.ts'

export const command = defineCommand({
  usage: '<container-id>',
  about: 'let the processes of a paused container go on',
  options: {},
  args: { min: 1, max: 1 },
  async run({ global, args: [id = ''] }) {
    await withContainer(global.root, id, async ({ status, record }) => {
      if (status !== 'paused') throw forbidden('container not paused')
      await thawCgroup(record.cgroup)
    })
    return 0
  },
})
