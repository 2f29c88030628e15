// SPDX-License-Identifier: Apache-2.0

import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Pod } from '../pod.ts'
import type { OciLinux } from '../spec/types.ts'
import { Room } from './test/room.ts'

/** `linux.netDevices` and `linux.intelRdt` on the real kernel (config-linux.md §network devices, §intelRdt). */

const room = new Room()
const HOST = `gt${process.pid % 100000}`
let pod: Pod

test.before(async () => {
  pod = await room.pod()
})

test.after(() => room.leave(pod))

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' })

/** An interface of the host, gone with the test whatever became of it. */
async function withInterface(body: () => Promise<void>): Promise<void> {
  ip('link', 'add', HOST, 'type', 'veth', 'peer', 'name', `${HOST}p`)
  try {
    ip('addr', 'add', '10.98.7.6/24', 'dev', HOST, 'broadcast', '10.98.7.255')
    ip('addr', 'add', '10.98.9.1/32', 'dev', HOST, 'scope', 'link')
    ip('-6', 'addr', 'add', 'fd98:7::6/64', 'dev', HOST, 'nodad')
    await body()
  } finally {
    removeLink(`${HOST}p`)
  }
}

/** The kernel takes it away as well, in its own time, when the other end's namespace ends. */
function removeLink(name: string): void {
  try {
    ip('link', 'del', name)
  } catch (error) {
    if (readdirSync('/sys/class/net').includes(name)) throw error
  }
}

async function said(script: string, linux: Partial<OciLinux>): Promise<string> {
  const namespaces = [{ type: 'mount' }, { type: 'pid' }, { type: 'network' }] as const
  const { log } = await room.run(pod, script, { linux: { namespaces, ...linux } })
  return log.replaceAll('stdout F ', '').trim()
}

const SHOW = 'busybox ip addr; ls /sys/class/net'

test('an interface of the host becomes the container’s, with its global addresses, and is up', async () => {
  for (const [name, expected] of [
    [undefined, HOST],
    ['inside', 'inside'],
    ['lan%d', 'lan0'],
  ] as const) {
    await withInterface(async () => {
      const device = name === undefined ? {} : { name }
      const seen = await said(SHOW, { netDevices: { [HOST]: device } })
      assert.match(seen, new RegExp(`: ${expected}(@\\S+)?: <[^>]*\\bUP\\b`))
      assert.match(seen, /inet 10\.98\.7\.6\/24 brd 10\.98\.7\.255 scope global/)
      assert.match(seen, /inet6 fd98:7::6\/64 scope global/)
      assert.not.match(seen, /10\.98\.9\.1/)
      assert.not.ok(readdirSync('/sys/class/net').includes(HOST), 'it is still on the host')
    })
  }
})

test('an interface that is not there, or a name that is taken, fails the start and moves nothing', async () => {
  const missing = await said('true', { netDevices: { nosuch: {} } }).catch(String)
  assert.match(missing, /move network device "nosuch" into the container as "nosuch": move_netdev .*: ENODEV/)
  await withInterface(async () => {
    const taken = await said('true', { netDevices: { [HOST]: { name: 'lo' } } }).catch(String)
    assert.match(taken, /into the container as "lo": move_netdev .*: EEXIST/)
    assert.match(ip('addr', 'show', HOST), /10\.98\.7\.6\/24/)
  })
})

test('classes of service without resctrl are an error that says so', async () => {
  if (readdirSync('/sys/fs').includes('resctrl') && readdirSync('/sys/fs/resctrl').length > 0) return
  const error = await room.run(pod, 'true', { linux: { intelRdt: { closID: 'x' } } }).catch((cause: unknown) => cause)
  assert.match(String(error), /set linux\.intelRdt: require_directory .*: ENOENT/)
  assert.match((error as { hint?: string }).hint ?? '', /resctrl .* is not enabled on this host/)
})

test.run()
