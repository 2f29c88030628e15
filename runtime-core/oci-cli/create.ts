// SPDX-License-Identifier: Apache-2.0
import { defineCommand } from './command.ts'
import { startContainer } from './container-start.ts'
import { CREATE_OPTIONS, requestOf } from './start-options.ts'

export const command = defineCommand({
  usage: '<container-id>',
  about: 'make a container from a bundle; its program waits for start',
  options: CREATE_OPTIONS,
  args: { min: 1, max: 1 },
  run({ global, options, args: [id = ''] }) {
    return startContainer(global, {
      ...requestOf(id, options),
      mode: 'create',
      keep: true,
      subreaper: false,
    })
  },
})
