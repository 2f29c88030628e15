// SPDX-License-Identifier: Apache-2.0

import { existsSync } from 'node:fs'
import { dumpContainer } from '../checkpoint/dump.ts'
import { GantryError } from '../errors.ts'
import { type ContainerFiles, readInit } from '../state/container-record.ts'
import type { OptionValues } from './arguments.ts'
import { defineCommand } from './command.ts'
import { type FoundContainer, forbidden, readConfig, withContainer } from './container.ts'
import { CRIU_OPTIONS, directoriesOf, findCriuOf, pageServer, parentImages, sharedOptions } from './criu-options.ts'
import { destroyContainer } from './destroy.ts'
import type { GlobalOptions } from './global-options.ts'
import { readCgroups } from './host.ts'
import { KEEPER_PROGRAM } from './keeper-program.ts'
import { Log } from './log.ts'

const OPTIONS = {
  ...CRIU_OPTIONS,
  'parent-path': { kind: 'text', value: 'DIR', about: 'images of an earlier pre-dump, relative to --image-path' },
  'leave-running': { kind: 'switch', about: 'let it run on' },
  'tcp-skip-in-flight': { kind: 'switch', about: 'without TCP connections that are being made' },
  'link-remap': { kind: 'switch', about: 'with files that have no name any more' },
  'status-fd': { kind: 'number', value: 'FD', about: 'write a zero byte there when lazy pages are served' },
  'page-server': { kind: 'text', value: 'ADDRESS:PORT', about: 'send memory to a page server' },
  'pre-dump': { kind: 'switch', about: 'memory only, and let it run on' },
} as const

export const command = defineCommand({
  usage: '<container-id>',
  about: 'write the state of a running container to images',
  options: OPTIONS,
  args: { min: 1, max: 1 },
  async run({ global, options, args: [id = ''] }) {
    await withContainer(global.root, id, (container) => checkpoint(global, container, options))
    return 0
  },
})

async function checkpoint(
  global: GlobalOptions,
  { status, files, record }: FoundContainer,
  options: OptionValues<typeof OPTIONS>,
): Promise<void> {
  const { id } = record
  const init = readInit(files)
  if ((status !== 'running' && status !== 'paused') || init === undefined) throw forbidden('container not running')
  if (options['pre-dump'] && options['lazy-pages']) {
    throw new GantryError('invalid_argument', { action: 'lazy-pages and pre-dump cannot be used together' })
  }
  const { images, work } = directoriesOf(options)
  const server = pageServer(options['page-server'])
  const parent = parentImages(options['parent-path'], images)
  await dumpContainer({
    keeper: KEEPER_PROGRAM,
    criu: findCriuOf(global),
    id,
    pid: init.pid,
    spec: readConfig(files),
    cgroup: record.cgroup,
    cgroupMode: readCgroups().mode,
    images,
    work,
    preDump: options['pre-dump'],
    options: {
      ...sharedOptions(options),
      leaveRunning: options['leave-running'],
      tcpSkipInFlight: options['tcp-skip-in-flight'],
      linkRemap: options['link-remap'],
      ...(server === undefined ? {} : { pageServer: server }),
      ...(parent === undefined ? {} : { parentImages: parent }),
      ...(options['status-fd'] === undefined ? {} : { statusFd: options['status-fd'] }),
    },
  })
  if (options['leave-running'] || options['pre-dump']) return
  await destroy(global, id, files)
}

/** A container in the foreground is removed by its own launcher, which sees its end: who comes second finds nothing. */
async function destroy(global: GlobalOptions, id: string, files: ContainerFiles): Promise<void> {
  const log = new Log(global)
  try {
    await destroyContainer(global.root, id, (message) => log.write('warning', message))
  } catch (error) {
    if (existsSync(files.state)) throw error
  }
}
