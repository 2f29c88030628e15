// SPDX-License-Identifier: Apache-2.0

import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CgroupPlan } from '../cgroup/manager.ts'
import type { Pod } from '../pod.ts'
import type { ContainerChange } from './test/bundle.ts'
import { NO_CGROUP, Room } from './test/room.ts'

/** What an image or a container tries in order to reach the host. */

const room = new Room()
const victim = join(room.directory, 'victim')
let pod: Pod

test.before(async () => {
  mkdirSync(victim)
  writeFileSync(join(victim, 'file'), 'the host’s')
  pod = await room.pod()
})

test.after(() => room.leave(pod))

test.after.each(() => {
  assert.equal(readdirSync(victim), ['file'], 'something was made on the host')
  assert.is(readFileSync(join(victim, 'file'), 'utf8'), 'the host’s')
  assert.not.ok(readFileSync('/proc/self/mountinfo', 'utf8').includes(room.directory), 'a mount is on the host')
})

/** A copy of the image in which `path` is a symbolic link to `target`. */
function imageWithLink(path: string, target: string): string {
  const image = join(room.directory, room.name('image'))
  cpSync(room.image, image, { recursive: true, verbatimSymlinks: true })
  rmSync(join(image, path), { recursive: true, force: true })
  mkdirSync(dirname(join(image, path)), { recursive: true })
  symlinkSync(target, join(image, path))
  return image
}

const UP = '../../../../../../../../../..'

for (const path of ['dev', 'etc', 'tmp', 'bin/../var']) {
  for (const target of [victim, `${UP}${victim}`]) {
    test(`an image whose /${path} is a link to ${target === victim ? 'the host' : 'above its root'} changes nothing there`, async () => {
      const image = imageWithLink(path, target)
      const { exit } = await room.run(pod, 'echo x > /var/x; echo x > /etc/x; echo x > /tmp/x; true', { image })
      assert.is(exit.exitCode, 0)
    })
  }
}

/** The error a container is refused with. */
async function refusal(change: ContainerChange): Promise<string> {
  return await room.run(pod, 'true', change).then(
    () => 'it ran',
    (error: unknown) => String(error),
  )
}

test('an image whose /proc or /sys is a link is refused: both are written and masked by name (CVE-2019-19921)', async () => {
  for (const path of ['proc', 'sys']) {
    for (const target of [victim, `${UP}${victim}`, '/tmp', 'tmp', `/tmp/../${path}2`]) {
      const said = await refusal({ image: imageWithLink(path, target) })
      assert.match(said, new RegExp(`mount "${path}\\w*" on "/${path}": open_plain_in .*: ELOOP`), target)
    }
  }
})

test('a mount that would cover a part of /proc is refused, by whatever name (CVE-2019-16884, CVE-2023-27561)', async () => {
  const tmpfs = (destination: string) => ({ destination, type: 'tmpfs', source: 'tmpfs' })
  const over = (destination: string) => refusal({ mounts: [tmpfs(destination)] })
  for (const path of ['/proc/self', '/proc/self/attr', '/proc//sys/./kernel', '/tmp/../proc/1', 'proc/sys']) {
    assert.match(await over(path), /: it is inside of \/proc$/, path)
  }
  assert.match(await over('/proc'), /only a procfs may be mounted on \/proc/)
  assert.match(await over('/'), /the root is root\.path/)
  for (const [target, path] of [
    ['/proc', '/link'],
    ['/proc/sys', '/link'],
    ['../proc', '/link/sys'],
    ['proc/self', '/link/attr'],
    ['/', '/link/proc/sys'],
  ] as const) {
    const said = await refusal({ image: imageWithLink('link', target), mounts: [tmpfs(path)] })
    assert.match(said, /refuse_procfs fd=@target: EPERM|: ELOOP/, `${path} with ${target}`)
  }
})

test('only a whole procfs can be bound onto /proc, and only lxcfs’ files into it', async () => {
  const bind = (source: string, destination: string) => ({ destination, type: 'bind', source, options: ['bind'] })
  const errors = await Promise.all(
    [bind(victim, '/proc'), bind('/proc/sys', '/proc')].map((mount) => refusal({ mounts: [mount] })),
  )
  for (const said of errors) assert.match(said, /on "\/proc": require_procfs .*: EPERM/)
  const file = join(victim, 'file')
  const { log } = await room.run(pod, 'cat /proc/uptime', { mounts: [bind(file, '/proc/uptime')] })
  assert.match(log, /the host/)
  assert.is(await refusal({ mounts: [bind('/proc', '/proc')] }), 'it ran')
})

const INTO_LINK: Readonly<Record<string, ContainerChange>> = {
  'a mount': {
    mounts: [{ destination: '/link/made', type: 'tmpfs', source: 'tmpfs' }],
  },
  'a bind of a file': {
    mounts: [{ destination: '/link/hosts', type: 'bind', source: '/etc/hosts', options: ['bind', 'ro'] }],
  },
  'a mount over an existing file': {
    mounts: [{ destination: '/link/file', type: 'bind', source: '/etc/hosts', options: ['bind', 'ro'] }],
  },
  'a working directory': { process: { cwd: '/link/work/deep' } },
  'a working directory of a user': { process: { cwd: '/link/mine', user: { uid: 1000, gid: 1000 } } },
  'a device': { linux: { devices: [{ type: 'c', path: '/link/null', major: 1, minor: 3, fileMode: 0o666 }] } },
  'a masked path': { linux: { maskedPaths: ['/link/file', '/link'] } },
  'a read-only path': { linux: { readonlyPaths: ['/link/file', '/link'] } },
}

for (const [what, change] of Object.entries(INTO_LINK)) {
  test(`${what} below a link that points to the host is made inside the container`, async () => {
    for (const target of [victim, `${UP}${victim}`]) {
      const image = imageWithLink('link', target)
      const { exit } = await room.run(pod, 'true', { ...change, image })
      assert.is(exit.exitCode, 0)
    }
  })
}

test('a volume filled from a link to the host gets what the image has there, and no more', async () => {
  const image = imageWithLink('link', victim)
  const volume = join(room.directory, 'volume')
  mkdirSync(volume)
  const { log } = await room.run(pod, 'ls /link', {
    image,
    mounts: [{ destination: '/link', type: 'bind', source: volume, options: ['rbind'] }],
    request: { copyUpSources: new Set([volume]) },
  })
  assert.is(log, '')
  assert.equal(readdirSync(volume), [])
})

test('a link into another process is not followed: magic links lead out of any root', async () => {
  for (const target of ['/proc/self/root', '/proc/1/root', '/proc/self/cwd', '/proc/self/fd/0']) {
    const image = imageWithLink('link', target)
    const mount = { destination: '/link/made', type: 'tmpfs', source: 'tmpfs' }
    const error = await room.run(pod, 'true', { image, mounts: [mount] }).then(
      () => undefined,
      (cause: unknown) => cause,
    )
    assert.match(String(error), /mount "tmpfs" on "\/link\/made": .*: ELOOP/, target)
  }
})

/** Starts from the descriptor of a host directory that a launch may hold: /proc/self/fd/N. */
async function reached(start: (path: string) => Promise<string>): Promise<string[]> {
  const found: string[] = []
  for (let fd = 3; fd < 64; fd++) {
    const said = await start(`/proc/self/fd/${fd}`).catch(() => '')
    if (said !== '') found.push(`${fd}: ${said}`)
  }
  return found
}

test('a working directory that is a descriptor of the launch reaches nothing of the host (CVE-2024-21626)', async () => {
  const found = await reached(async (cwd) => (await room.run(pod, 'pwd; ls -a', { process: { cwd } })).log)
  assert.equal(found, [])
})

test('an exec whose working directory is a descriptor of the launch reaches nothing of the host', async () => {
  await inCgroup(async () => {
    const container = await room.start(pod, ['sleep', '1000'])
    const found = await reached(async (cwd) => {
      const { process = { cwd: '/' } } = room.execRequest(container, ['sh', '-c', 'pwd; ls -a; ls -a ../..'])
      const said = await room.exec(pod, container, process.args ?? [], { process: { ...process, cwd } })
      return said.stdout
    })
    await pod.signal(container.containerId, 9)
    await room.ended(container.containerId)
    await pod.forget(container.containerId)
    assert.equal(found, [])
  })
})

test('a program that is a descriptor of the launch is not found', async () => {
  const image = imageWithLink('program', '/proc/self/fd/3')
  const error = await room.start(pod, ['/program'], { image }).then(
    () => undefined,
    (cause: unknown) => cause,
  )
  assert.match(String(error), /start "\/program": .*: ENOENT/)
})

/** Containers are born in a cgroup of the unified hierarchy meanwhile: a launch then holds a directory of the host. */
async function inCgroup(body: () => Promise<void>): Promise<void> {
  const mount = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((path) => existsSync(join(path, 'cgroup.procs')))
  if (mount === undefined) throw new Error('no cgroup2 on this machine')
  const directory = join(mount, `keeper-test-${process.pid}`)
  const plan: CgroupPlan = { ...NO_CGROUP, directories: [directory], unifiedDirectory: directory }
  room.cgroup = plan
  try {
    await body()
  } finally {
    room.cgroup = NO_CGROUP
    rmdirSync(directory)
  }
}

test.run()
