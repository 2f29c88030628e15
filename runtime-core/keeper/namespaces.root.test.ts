// SPDX-License-Identifier: Apache-2.0

import { execFileSync, spawn } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Pod } from '../pod.ts'
import type { OciLinux, OciNamespace, OciSpec } from '../spec/types.ts'
import { eventually } from './test/eventually.ts'
import { Room } from './test/room.ts'

/** `linux.namespaces`, offsets, names and sysctls on the real kernel (config-linux.md §namespaces, §sysctl). */

const room = new Room()
let pod: Pod
let mapped: Pod

const IDS = [{ containerID: 0, hostID: 200_000, size: 65_536 }]

test.before(async () => {
  pod = await room.pod()
  mapped = await room.pod({ user: { uids: IDS, gids: IDS } })
})

test.after(() => room.leave(pod, mapped))

async function said(script: string, linux: Partial<OciLinux>): Promise<string> {
  const { log } = await room.run(pod, script, { linux })
  return log.replaceAll('stdout F ', '').trim()
}

async function errorOf(linux: Partial<OciLinux>): Promise<string> {
  return await room.run(pod, 'true', { linux }).then(
    () => 'it ran',
    (error: unknown) => `${error} (${(error as { hint?: string }).hint})`,
  )
}

const OWN: readonly OciNamespace[] = [{ type: 'mount' }, { type: 'pid' }]
const FILES = { network: 'net', ipc: 'ipc', uts: 'uts', cgroup: 'cgroup', time: 'time', mount: 'mnt' } as const
const PRINT = 'for n in net ipc uts cgroup time mnt pid user; do readlink /proc/self/ns/$n; done'
const ofThis = (name: string): string => readlinkSync(`/proc/self/ns/${name}`)

test('every type can be new, and what is not named stays the host’s', async () => {
  const types = ['pid', 'mount', 'network', 'ipc', 'uts', 'cgroup', 'time'] as const
  const fresh = await said(PRINT, { namespaces: types.map((type) => ({ type })) })
  for (const name of [...Object.values(FILES), 'pid']) assert.not.match(fresh, ofThis(name), name)
  assert.match(fresh, ofThis('user'))
  const inherited = await said(PRINT, { namespaces: OWN })
  for (const name of ['net', 'ipc', 'uts', 'cgroup', 'time', 'user']) assert.ok(inherited.includes(ofThis(name)), name)
})

/** A process in namespaces of its own, by util-linux. */
async function withHolder(body: (path: (name: string) => string) => Promise<void>): Promise<void> {
  const child = spawn('unshare', ['-n', '-i', '-u', '-C', '-T', '-m', 'sleep', '1000'], { stdio: 'ignore' })
  const path = (name: string): string => `/proc/${child.pid}/ns/${name === 'time' ? 'time_for_children' : name}`
  try {
    await eventually('unshare has become sleep', () =>
      readFileSync(`/proc/${child.pid}/comm`, 'utf8') === 'sleep\n' ? true : undefined,
    )
    await body(path)
  } finally {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }
}

test('every type can be joined by path', async () => {
  await withHolder(async (path) => {
    for (const [type, name] of Object.entries(FILES) as [keyof typeof FILES, string][]) {
      const others = OWN.filter((namespace) => namespace.type !== type)
      const found = await said(`readlink /proc/self/ns/${name}`, {
        namespaces: [...others, { type, path: path(name) }],
      })
      assert.is(found, readlinkSync(path(name)), type)
    }
  })
  const container = await room.start(pod, ['sleep', '1000'], { linux: { namespaces: OWN } })
  const pid = `/proc/${container.pid}/ns/pid`
  assert.is(
    await said('readlink /proc/self/ns/pid', { namespaces: [{ type: 'mount' }, { type: 'pid', path: pid }] }),
    readlinkSync(pid),
  )
  await pod.signal(container.containerId, 9)
  await room.ended(container.containerId)
  await pod.forget(container.containerId)
})

test('a path of another type, or of no namespace, is refused at once', async () => {
  const fifo = join(room.directory, 'fifo')
  execFileSync('mkfifo', [fifo])
  for (const path of ['/proc/self/ns/net', '/etc/passwd', fifo]) {
    const said = await errorOf({ namespaces: [...OWN, { type: 'ipc', path }] })
    assert.match(said, new RegExp(`join ipc namespace "${path}": setns .*: EINVAL \\(the path is no namespace`))
    const pid = await errorOf({ namespaces: [{ type: 'mount' }, { type: 'pid', path }] })
    assert.match(pid, /join pid namespace .*: EINVAL/)
  }
  assert.match(await errorOf({ namespaces: [...OWN, { type: 'ipc', path: '/none' }] }), /"\/none": open .*: ENOENT/)
})

test('a path that leads to the host’s own mount namespace is refused', async () => {
  const path = `/proc/${process.pid}/ns/mnt`
  const said = await errorOf({ namespaces: [{ type: 'pid' }, { type: 'mount', path }] })
  assert.match(said, /join mount namespace .*: refuse_same .*: EPERM \(it is the host’s own/)
})

test('a time namespace has its offsets, for an exec too', async () => {
  const linux = {
    namespaces: [...OWN, { type: 'time' } as const],
    timeOffsets: { boottime: { secs: 864_000_000, nanosecs: 5 }, monotonic: { secs: 1000 } },
  }
  assert.ok(Number.parseFloat(await said('cat /proc/uptime', linux)) > 864_000_000)
  const offsets = await said('cat /proc/self/timens_offsets', linux)
  assert.match(offsets, /monotonic +1000 +0\n.*boottime +864000000 +5/s)
  const container = await room.start(pod, ['sleep', '1000'], { linux })
  const { stdout } = await room.exec(pod, container, ['cat', '/proc/uptime'])
  await pod.signal(container.containerId, 9)
  await room.ended(container.containerId)
  await pod.forget(container.containerId)
  assert.ok(Number.parseFloat(stdout) > 864_000_000, stdout)
  const early = await errorOf({ ...linux, timeOffsets: { boottime: { secs: -(2 ** 40) } } })
  assert.match(early, /set linux\.timeOffsets: write_file .*: ERANGE/)
})

test('names are those of the container’s own UTS namespace', async () => {
  const names: Partial<OciSpec> = { hostname: 'a-name', domainname: 'example.org' }
  const run = async (uts: OciNamespace): Promise<string> => {
    const spec = { namespaces: [...OWN, uts] }
    const script = 'hostname; cat /proc/sys/kernel/domainname'
    const { log } = await room.run(pod, script, { linux: spec, spec: names })
    return log.replaceAll('stdout F ', '').trim()
  }
  assert.is(await run({ type: 'uts' }), 'a-name\nexample.org')
  const host = { type: 'uts', path: `/proc/${process.pid}/ns/uts` } as const
  const error = await run(host).catch(String)
  assert.match(error, /join uts namespace .*: refuse_same .*: EPERM/)
})

test('sysctls are those of the container’s own namespaces', async () => {
  const linux = {
    namespaces: [...OWN, { type: 'network' } as const, { type: 'ipc' } as const],
    sysctl: {
      'net.ipv4.ip_forward': '1',
      'kernel.shmmni': '17',
      'fs.mqueue.msg_max': '11',
      'net/ipv4/ip_default_ttl': '7',
    },
  }
  const files = 'net/ipv4/ip_forward kernel/shmmni fs/mqueue/msg_max net/ipv4/ip_default_ttl'
  assert.is(await said(`cd /proc/sys; cat ${files}`, linux), '1\n17\n11\n7')
  const host = { type: 'network', path: `/proc/${process.pid}/ns/net` } as const
  assert.match(await errorOf({ ...linux, namespaces: [...OWN, { type: 'ipc' }, host] }), /refuse_same .*: EPERM/)
  const unknown = { ...linux, sysctl: { 'net.ipv4.no_such': '1' } }
  assert.match(await errorOf(unknown), /set sysctl "net\.ipv4\.no_such": write_file .*: ENOENT/)
})

test('sysctls of a user namespace are set inside it', async () => {
  const { namespacePaths } = mapped
  const linux = {
    namespaces: [...OWN, { type: 'user', path: namespacePaths.user ?? '' } as const],
    uidMappings: IDS,
    gidMappings: IDS,
    sysctl: { 'user.max_user_namespaces': '3' },
  }
  const { log } = await room.run(mapped, 'cat /proc/sys/user/max_user_namespaces; cat /proc/self/uid_map', { linux })
  assert.match(log, /F 3\n.*0 +200000 +65536/s)
  assert.not.match(readFileSync('/proc/sys/user/max_user_namespaces', 'utf8'), /^3$/)
})

test.run()
