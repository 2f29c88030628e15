// SPDX-License-Identifier: Apache-2.0
import { defineCommand } from './command.ts'
import { type FoundContainer, findContainer } from './container.ts'
import { print } from './print.ts'

export const command = defineCommand({
  usage: '<container-id>',
  about: 'print the state of a container as JSON',
  options: {},
  args: { min: 1, max: 1 },
  run({ global, args: [id = ''] }) {
    print(`${JSON.stringify(describeState(findContainer(global.root, id), ''), null, 2)}\n`)
    return 0
  },
})

/** runtime.md §state, and runc's further fields. */
export function describeState({ record, status, init }: FoundContainer, owner: string): Record<string, unknown> {
  return {
    ociVersion: record.ociVersion,
    id: record.id,
    pid: init?.pid ?? 0,
    status,
    bundle: record.bundle,
    rootfs: record.rootfs,
    created: record.created,
    ...(record.annotations === undefined ? {} : { annotations: record.annotations }),
    owner,
  }
}
