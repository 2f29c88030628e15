// SPDX-License-Identifier: Apache-2.0

import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Pod } from '../pod.ts'
import type { OciDevice } from '../spec/types.ts'
import { Room } from './test/room.ts'

/** `linux.devices` and what every container has in /dev (config-linux.md §devices, §default devices). */

const room = new Room()
let pod: Pod

test.before(async () => {
  pod = await room.pod()
})

test.after(() => room.leave(pod))

async function listed(devices: readonly OciDevice[], paths: string, image = room.image): Promise<string> {
  const script = `stat -c '%n %F %t:%T %a %u:%g' ${paths}`
  const { log } = await room.run(pod, script, {
    image,
    linux: { devices, namespaces: [{ type: 'mount' }, { type: 'pid' }] },
  })
  return log.replaceAll('stdout F ', '')
}

test('the default devices and links are there, for everybody', async () => {
  const nodes = await listed([], '/dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty')
  assert.equal(
    nodes.trim().split('\n'),
    [
      ['null', '1:3'],
      ['zero', '1:5'],
      ['full', '1:7'],
      ['random', '1:8'],
      ['urandom', '1:9'],
      ['tty', '5:0'],
    ].map(([name, number]) => `/dev/${name} character special file ${number} 666 0:0`),
  )
  const { log } = await room.run(pod, 'for l in fd stdin stdout stderr ptmx core; do readlink /dev/$l; done')
  assert.is(
    log.replaceAll('stdout F ', ''),
    '/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n/proc/kcore\n',
  )
})

test('devices of every type have their numbers, mode and owner', async () => {
  const devices: OciDevice[] = [
    { type: 'c', path: '/dev/kmsg', major: 1, minor: 11, fileMode: 0o640, uid: 3, gid: 4 },
    { type: 'u', path: '/dev/raw', major: 1, minor: 5 },
    { type: 'b', path: '/dev/deep/loop', major: 7, minor: 300, fileMode: 0o100600, uid: 0, gid: 6 },
    { type: 'p', path: '/dev/pipe', fileMode: 0o622 },
  ]
  assert.equal((await listed(devices, '/dev/kmsg /dev/raw /dev/deep/loop /dev/pipe')).trim().split('\n'), [
    '/dev/kmsg character special file 1:b 640 3:4',
    '/dev/raw character special file 1:5 666 0:0',
    '/dev/deep/loop block special file 7:12c 600 0:6',
    '/dev/pipe fifo 0:0 622 0:0',
  ])
})

test('what is there already must be the device', async () => {
  const image = join(room.directory, 'stray')
  cpSync(room.image, image, { recursive: true, verbatimSymlinks: true })
  writeFileSync(join(image, 'etc/device'), 'a file')
  const device: OciDevice = { type: 'c', path: '/etc/device', major: 1, minor: 3 }
  const error = await listed([device], '/etc/device', image).catch(String)
  assert.match(error, /make device "\/etc\/device": mknod_in .*: EEXIST/)
  const twice = [
    { ...device, path: '/etc/new' },
    { ...device, path: '/etc/../etc/new' },
  ]
  assert.match(await listed(twice, '/etc/new'), /character special file 1:3/)
  assert.match(
    await listed([device, { ...device, path: '/etc//device', minor: 5 }], '/etc/device').catch(String),
    /EEXIST/,
  )
})

test('a terminal is the container’s /dev/console, too', async () => {
  const script =
    'stat -L -c %t:%T /dev/console /proc/self/fd/0; grep " /dev/console " /proc/mounts; echo said > /dev/console'
  const { log } = await room.run(pod, script, { process: { terminal: true } })
  const [console, stdin, mount] = log.replaceAll('stdout F ', '').replaceAll('\r', '').split('\n')
  assert.is(console, stdin)
  assert.match(mount ?? '', /^\S+ \/dev\/console devpts /)
  assert.match(log, /said/)
})

test.run()
