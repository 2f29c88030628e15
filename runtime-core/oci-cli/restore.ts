// SPDX-License-Identifier: Apache-2.0
import { defineCommand } from './command.ts'
import { restoreContainer } from './container-restore.ts'
import { RESTORE_OPTIONS } from './criu-options.ts'

export const command = defineCommand({
  usage: '<container-id>',
  about: 'start a container from the images of a checkpoint',
  options: RESTORE_OPTIONS,
  args: { min: 1, max: 1 },
  run({ global, options, args: [id = ''] }) {
    return restoreContainer(global, id, options)
  },
})
