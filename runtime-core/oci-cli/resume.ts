// SPDX-License-Identifier: Apache-2.0
import { thawCgroup } from '../cgroup/freeze.ts'
import { withLock } from '../state/container-lock.ts'
import { defineCommand } from './command.ts'
import { findContainer, forbidden, LOCK_DEADLINE_MS } from './container.ts'

export const command = defineCommand({
  usage: '<container-id>',
  about: 'let the processes of a paused container go on',
  options: {},
  args: { min: 1, max: 1 },
  async run({ global, args: [id = ''] }) {
    const { files } = findContainer(global.root, id)
    await withLock(files.directory, LOCK_DEADLINE_MS, async () => {
      const { status, record } = findContainer(global.root, id)
      if (status !== 'paused') throw forbidden('container not paused')
      await thawCgroup(record.cgroup)
    })
    return 0
  },
})
