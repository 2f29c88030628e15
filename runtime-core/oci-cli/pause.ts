// SPDX-License-Identifier: Apache-2.0
import { freezeCgroup } from '../cgroup/freeze.ts'
import { withLock } from '../state/container-lock.ts'
import { defineCommand } from './command.ts'
import { findContainer, forbidden, LOCK_DEADLINE_MS } from './container.ts'

export const command = defineCommand({
  usage: '<container-id>',
  about: 'stop all processes of a container where they are',
  options: {},
  args: { min: 1, max: 1 },
  async run({ global, args: [id = ''] }) {
    const { files } = findContainer(global.root, id)
    await withLock(files.directory, LOCK_DEADLINE_MS, async () => {
      const { status, record } = findContainer(global.root, id)
      if (status !== 'running' && status !== 'created') throw forbidden('container not running')
      await freezeCgroup(record.cgroup)
    })
    return 0
  },
})
