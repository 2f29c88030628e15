// SPDX-License-Identifier: Apache-2.0

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { GantryError } from '../errors.ts'
import type { Pod } from '../pod.ts'
import { explainLaunch } from '../state/launch-record.ts'
import type { ContainerChange } from './test/bundle.ts'
import { childrenOf, eventually } from './test/eventually.ts'
import { NO_CGROUP, Room } from './test/room.ts'

/** Starts that fail: what the caller is told. */

const room = new Room()
let pod: Pod

test.before(async () => {
  pod = await room.pod({}, { launchDeadlineMs: 300 })
})

test.after(() => room.leave(pod))

test.after.each(async () => {
  await eventually('nothing of a failed start lives on', () => childrenOf(pod.keeperPid).length === 0)
})

async function failureOf(args: readonly string[], change: ContainerChange = {}): Promise<GantryError> {
  const error = await room.start(pod, args, change).then(
    () => new Error('it started'),
    (cause: unknown) => cause,
  )
  if (!(error instanceof GantryError)) throw error
  return error
}

const FILE = '/bin/busybox'

const FAILURES: Readonly<Record<string, readonly [ContainerChange & { args?: string[] }, RegExp, string]>> = {
  'a program that is not there': [
    { args: ['/none'] },
    /^start container "c\d+": start "\/none": execve candidates=\["\/none"\] .*: ENOENT$/,
    'invalid_argument',
  ],
  'a program that is in no directory of the PATH': [
    { args: ['none'], process: { env: ['PATH=/bin:/sbin'] } },
    /start "none": execve candidates=\["\/bin\/none","\/sbin\/none"\] .*: ENOENT$/,
    'invalid_argument',
  ],
  'a program that is a directory': [{ args: ['/etc'] }, /start "\/etc": execve .*: EACCES$/, 'invalid_argument'],
  'a working directory that is a file': [
    { process: { cwd: FILE } },
    /working directory "\/bin\/busybox": .*: ENOTDIR$/,
    'invalid_argument',
  ],
  'a mount whose source is missing': [
    { mounts: [{ destination: '/data', type: 'bind', source: '/none/here', options: ['rbind'] }] },
    /mount "\/none\/here" on "\/data": open_tree .*path="\/none\/here".*: ENOENT$/,
    'invalid_argument',
  ],
  'a mount of a directory on a file': [
    { mounts: [{ destination: FILE, type: 'bind', source: '/etc', options: ['rbind'] }] },
    /mount "\/etc" on "\/bin\/busybox": move_mount .*: (EINVAL|ENOTDIR)$/,
    'invalid_argument',
  ],
  'a file system nobody knows': [
    { mounts: [{ destination: '/data', type: 'nonefs', source: 'none' }] },
    /mount "none" on "\/data": fsopen .*type="nonefs": ENODEV$/,
    'internal',
  ],
  'a mount option nobody knows': [
    { mounts: [{ destination: '/data', type: 'tmpfs', source: 'tmpfs', options: ['none=1'] }] },
    /mount "tmpfs" on "\/data": fsconfig_string .*key="none" value="1": EINVAL$/,
    'invalid_argument',
  ],
  'a layer that is missing': [
    { image: '/none/layer' },
    // Before Linux 6.5 the layers are one option, relative to the directory that they have in common.
    /mount overlay on "\/" .*: (fsconfig_string .*key="lowerdir\+" value="\/none\/layer"|chdir path="\/none\/"): ENOENT$/,
    'invalid_argument',
  ],
  'a log in a place that is a file': [
    { request: { logPath: '/bin/busybox/log' } },
    /^start container "c\d+": open log and streams: ENOTDIR$/,
    'internal',
  ],
  'a sysctl that does not exist': [
    { linux: { sysctl: { 'net.none': '1' } } },
    /set sysctl "net\.none": write_file .*: ENOENT$/,
    'invalid_argument',
  ],
  'a sysctl with a wrong value': [
    { linux: { sysctl: { 'net.ipv4.ip_unprivileged_port_start': 'x' } } },
    /set sysctl "net\.ipv4\.ip_unprivileged_port_start": write_file .* text="x": EINVAL$/,
    'invalid_argument',
  ],
  'a device in the place of a directory that is a file': [
    { linux: { devices: [{ type: 'c', path: '/bin/busybox/null', major: 1, minor: 3 }] } },
    /make device "\/bin\/busybox\/null": mknod_in .*: ENOTDIR$/,
    'invalid_argument',
  ],
  'a namespace that is none': [
    { linux: { namespaces: [{ type: 'pid' }, { type: 'mount' }, { type: 'network', path: '/etc/passwd' }] } },
    /join network namespace "\/etc\/passwd": setns .*: EINVAL$/,
    'invalid_argument',
  ],
}

for (const [what, [{ args = ['true'], ...change }, text, code]] of Object.entries(FAILURES)) {
  test(`${what} is named`, async () => {
    const error = await failureOf(args, change)
    assert.match(error.message, text, error.message)
    assert.is(error.code, code)
  })
}

test('a cgroup that cannot be joined is named', async () => {
  room.cgroup = { ...NO_CGROUP, joinFiles: ['/sys/fs/cgroup/none/tasks'] }
  const error = await failureOf(['true'])
  room.cgroup = NO_CGROUP
  assert.match(error.message, /join cgroup: write_file .*path="\/sys\/fs\/cgroup\/none\/tasks".*: ENOENT$/)
})

test('a clone that the kernel refuses is named as such, not as the first operation', async () => {
  const directory = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup']
    .filter((mount) => existsSync(join(mount, 'cgroup.procs')))
    .map((mount) => join(mount, `keeper-test-${process.pid}`))[0]
  if (directory === undefined) throw new Error('no cgroup2 on this machine')
  mkdirSync(directory)
  try {
    // A domain under a threaded cgroup is invalid: nobody can be born there.
    writeFileSync(join(directory, 'cgroup.type'), 'threaded')
    mkdirSync(join(directory, 'invalid'))
    room.cgroup = { ...NO_CGROUP, unifiedDirectory: join(directory, 'invalid') }
    const error = await failureOf(['true'])
    assert.match(error.message, /^start container "c\d+": clone3 flags=0x\w+: EOPNOTSUPP$/)
  } finally {
    room.cgroup = NO_CGROUP
    rmdirSync(join(directory, 'invalid'))
    rmdirSync(directory)
  }
})

test('a start that hangs is ended at its deadline, and what it hung in is named', async () => {
  const fifo = join(room.directory, 'fifo')
  execFileSync('mkfifo', [fifo])
  room.cgroup = { ...NO_CGROUP, joinFiles: [fifo] }
  const started = Date.now()
  const error = await failureOf(['true'])
  room.cgroup = NO_CGROUP
  assert.ok(Date.now() - started < 3000)
  assert.match(error.message, /join cgroup: write_file dir=- path=".*fifo" text="0": it did not finish in time$/)
  assert.is(error.code, 'deadline_exceeded')
})

test('the id of a start that failed can be used again at once', async () => {
  const containerId = 'again'
  for (let i = 0; i < 20; i++) {
    const error = await room.start(pod, ['/none'], { request: { containerId } }).catch((cause: unknown) => cause)
    assert.match(String(error), /ENOENT$/)
  }
})

test('a failed start can be explained: what ran, how long it took, and where it failed', async () => {
  const containerId = 'explained'
  await pod.writeBundle(containerId, { ociVersion: '1.3.0' })
  await room.start(pod, ['/none'], { request: { containerId } }).catch(() => undefined)
  const bundle = room.environment.paths.bundle(pod.id, containerId)
  await eventually('the record is written', () => ['plan', 'times'].every((name) => sizeOf(join(bundle, name)) > 0))
  const text = await explainLaunch(bundle)
  const lines = text.trimEnd().split('\n')
  assert.match(lines.at(-1) ?? '', /execve candidates=\["\/none"\].* {3}← ENOENT$/)
  assert.match(lines.at(-2) ?? '', /^ +\d+\.\d µs {2}reset_signals$/)
})

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

test('nothing of a failed start is in its log', async () => {
  const error = await failureOf(['/none'])
  const [, id = ''] = /container "(c\d+)"/.exec(error.message) ?? []
  assert.is(readFileSync(room.logPath(id), 'utf8'), '')
})

test.run()
