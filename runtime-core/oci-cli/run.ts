// SPDX-License-Identifier: Apache-2.0
import { defineCommand } from './command.ts'
import { startContainer } from './container-start.ts'
import { CREATE_OPTIONS, requestOf } from './start-options.ts'

export const command = defineCommand({
  usage: '<container-id>',
  about: 'make a container from a bundle and run its program',
  options: {
    ...CREATE_OPTIONS,
    detach: { kind: 'switch', short: 'd', about: 'do not wait for its end' },
    keep: { kind: 'switch', about: 'do not delete the container at its end' },
    'no-subreaper': { kind: 'switch', about: 'leave processes without a parent to the caller' },
  },
  args: { min: 1, max: 1 },
  run({ global, options, args: [id = ''] }) {
    return startContainer(global, {
      ...requestOf(id, options),
      mode: options.detach ? 'detached' : 'foreground',
      keep: options.keep,
      subreaper: !options['no-subreaper'],
    })
  },
})
