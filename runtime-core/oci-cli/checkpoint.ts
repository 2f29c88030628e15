// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../errors.ts'
import type { OptionTable } from './arguments.ts'
import { defineCommand } from './command.ts'
import { findContainer, forbidden } from './container.ts'

/** Options of both commands. */
export const CRIU_OPTIONS = {
  'image-path': { kind: 'text', value: 'DIR', about: 'where the images are (default: checkpoint)' },
  'work-path': { kind: 'text', value: 'DIR', about: 'where CRIU keeps its logs' },
  'tcp-established': { kind: 'switch', about: 'with open TCP connections' },
  'ext-unix-sk': { kind: 'switch', about: 'with unix sockets whose other end is outside' },
  'shell-job': { kind: 'switch', about: 'with a terminal of the caller' },
  'lazy-pages': { kind: 'switch', about: 'fetch memory when it is used' },
  'file-locks': { kind: 'switch', about: 'with file locks' },
  'manage-cgroups-mode': { kind: 'text', value: 'soft|full|strict|ignore', about: 'how cgroups are kept' },
  'empty-ns': { kind: 'list', value: 'NAMESPACE', about: 'a namespace that is made anew' },
  'auto-dedup': { kind: 'switch', about: 'give back pages that a later image has' },
} as const satisfies OptionTable

export const command = defineCommand({
  usage: '<container-id>',
  about: 'write the state of a running container to images',
  options: {
    ...CRIU_OPTIONS,
    'parent-path': { kind: 'text', value: 'DIR', about: 'images of an earlier pre-dump, relative to --image-path' },
    'leave-running': { kind: 'switch', about: 'let it run on' },
    'tcp-skip-in-flight': { kind: 'switch', about: 'without TCP connections that are being made' },
    'link-remap': { kind: 'switch', about: 'with files that have no name any more' },
    'status-fd': { kind: 'number', value: 'FD', about: 'write a zero byte there when lazy pages are served' },
    'page-server': { kind: 'text', value: 'ADDRESS:PORT', about: 'send memory to a page server' },
    'pre-dump': { kind: 'switch', about: 'memory only, and let it run on' },
  },
  args: { min: 1, max: 1 },
  run({ global, args: [id = ''] }) {
    const { status } = findContainer(global.root, id)
    if (status !== 'running' && status !== 'paused') throw forbidden('container not running')
    throw notBuiltYet('checkpoint')
  },
})

export function notBuiltYet(name: string): GantryError {
  return new GantryError('unimplemented', { action: `${name} container`, reason: 'it is not built yet' })
}
