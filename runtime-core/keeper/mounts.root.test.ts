// SPDX-License-Identifier: Apache-2.0

import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Pod } from '../pod.ts'
import type { OciMount } from '../spec/types.ts'
import { Room } from './test/room.ts'

/** The options of mounts (config.md §mounts) on the real kernel: what a container sees in its mountinfo. */

const room = new Room()
let pod: Pod

test.before(async () => {
  pod = await room.pod()
})

test.after(() => room.leave(pod))

interface MountLine {
  readonly path: string
  readonly options: readonly string[]
  readonly fields: string
  readonly superOptions: readonly string[]
}

/** What a container has mounted, with these mounts beside the usual ones. */
async function mountedWith(...mounts: readonly OciMount[]): Promise<readonly MountLine[]> {
  const { exit, log } = await room.run(pod, 'cat /proc/self/mountinfo', { mounts })
  assert.is(exit.exitCode, 0)
  return log
    .trim()
    .split('\n')
    .map((line) => {
      const [, before = '', after = ''] = /^stdout F (.*?) - (.*)$/.exec(line) ?? []
      const [, , , , path = '', options = '', ...fields] = before.split(' ')
      return {
        path,
        options: options.split(','),
        fields: fields.join(' '),
        superOptions: after.split(' ')[2]?.split(',') ?? [],
      }
    })
}

async function mountedOn(path: string, ...mounts: readonly OciMount[]): Promise<MountLine> {
  const found = (await mountedWith(...mounts)).findLast((line) => line.path === path)
  if (found === undefined) throw new Error(`nothing is mounted on ${path}`)
  return found
}

async function errorOf(...mounts: readonly OciMount[]): Promise<string> {
  try {
    await room.run(pod, 'true', { mounts })
  } catch (error) {
    return String(error)
  }
  return 'it was mounted'
}

const tmpfs = (...options: string[]): OciMount => ({ destination: '/t', type: 'tmpfs', source: 'tmpfs', options })
const bind = (source: string, ...options: string[]): OciMount => ({ destination: '/b', type: 'bind', source, options })

const SHOWN: Readonly<Record<string, string>> = {
  ro: 'ro',
  nosuid: 'nosuid',
  nodev: 'nodev',
  noexec: 'noexec',
  noatime: 'noatime',
  nodiratime: 'nodiratime',
  relatime: 'relatime',
  nosymfollow: 'nosymfollow',
}

test('every attribute is on a new file system, on a bind, and nowhere else', async () => {
  for (const [option, shown] of Object.entries(SHOWN)) {
    assert.ok((await mountedOn('/t', tmpfs(option))).options.includes(shown), option)
    assert.ok((await mountedOn('/b', bind('/etc', 'bind', option))).options.includes(shown), option)
  }
  const { options } = await mountedOn('/t', tmpfs('strictatime', 'dev', 'suid', 'exec', 'rw', 'diratime', 'symfollow'))
  assert.equal(options, ['rw'])
})

test('a recursive option is on every mount of the tree, a plain one on its top', async () => {
  for (const [option, shown] of Object.entries(SHOWN)) {
    const tree = await mountedWith(bind('/dev', 'rbind', `r${option}`))
    const below = tree.filter(({ path }) => path.startsWith('/b'))
    assert.ok(below.length > 1, 'the host’s /dev has mounts below it')
    for (const { path, options } of below) assert.ok(options.includes(shown), `r${option} on ${path}: ${options}`)
  }
  const plain = (await mountedWith(bind('/dev', 'rbind', 'ro'))).filter(({ path }) => path.startsWith('/b/'))
  assert.ok(plain.some(({ options }) => options.includes('rw')))
})

test('what a recursive option takes back is taken back everywhere', async () => {
  const pts = await mountedOn('/b/pts', bind('/dev', 'rbind', 'rsuid', 'rexec', 'rrw', 'rdev', 'ratime'))
  assert.equal(pts.options, ['rw', 'relatime'])
})

test('options of the super block are the file system’s', async () => {
  for (const option of ['sync', 'dirsync', 'lazytime']) {
    assert.ok((await mountedOn('/t', tmpfs(option))).superOptions.includes(option), option)
    const undone = await mountedOn('/t', tmpfs(option, option === 'sync' ? 'async' : `no${option}`)).catch(
      () => undefined,
    )
    assert.not(undone?.superOptions.includes(option) && option !== 'dirsync', option)
  }
  for (const option of ['iversion', 'noiversion', 'mand', 'nomand', 'silent', 'loud', 'defaults', 'async']) {
    await mountedOn('/t', tmpfs(option))
  }
})

/** A slave needs a master: the host's mount, where that is shared. */
const isShared = / \/sys \S+ shared:\d+ /.test(readFileSync('/proc/self/mountinfo', 'utf8'))
const SLAVE = isShared ? /^master:\d+$/ : /^$/

const PROPAGATIONS: Readonly<Record<string, RegExp>> = {
  private: /^$/,
  rprivate: /^$/,
  slave: SLAVE,
  rslave: SLAVE,
  shared: /^shared:\d+/,
  rshared: /^shared:\d+/,
  unbindable: /^unbindable$/,
  runbindable: /^unbindable$/,
}

test('a bind has the propagation it was asked for; a new file system has nobody to be the slave of', async () => {
  for (const [option, shown] of Object.entries(PROPAGATIONS)) {
    assert.match((await mountedOn('/b', bind('/sys', 'rbind', option))).fields, shown, option)
    if (!option.endsWith('slave')) assert.match((await mountedOn('/t', tmpfs(option))).fields, shown, option)
  }
})

test('the root has the propagation of rootfsPropagation', async () => {
  for (const [rootfsPropagation, shown] of Object.entries(PROPAGATIONS)) {
    const { log } = await room.run(pod, 'grep " / / " /proc/self/mountinfo', { linux: { rootfsPropagation } })
    const [, fields = 'nothing'] = / \/ \/ \S+ (.*?) ?- /.exec(log) ?? []
    // A new overlay has nobody to be the slave of.
    assert.match(fields, rootfsPropagation.endsWith('slave') ? /^$/ : shown, rootfsPropagation)
  }
})

test('a read-only root is one, and paths are read-only or masked as they are listed', async () => {
  const script = `touch /etc/x || echo root-kept
    touch /tmp/x && echo written
    cat /etc/passwd; ls /etc/passwd; ls -A /bin | wc -l; echo 1 > /proc/sys/kernel/sysrq || echo proc-kept`
  const { log } = await room.run(pod, script, {
    root: { path: 'rootfs', readonly: true },
    mounts: [{ destination: '/tmp', type: 'tmpfs', source: 'tmpfs' }],
    linux: {
      namespaces: [{ type: 'mount' }, { type: 'pid' }],
      maskedPaths: ['/etc/passwd', '/root', '/none'],
      readonlyPaths: ['/proc/sys', '/none'],
    },
  })
  assert.match(log, /root-kept/)
  assert.match(log, /written/)
  assert.match(log, /F \/etc\/passwd/)
  assert.not.match(log, /root:x/)
  assert.match(log, /proc-kept/)
})

test('what nobody knows is data for the file system, whose refusal names the mount', async () => {
  const { superOptions } = await mountedOn('/t', tmpfs('size=64k', 'mode=700', 'nr_inodes=7'))
  for (const option of ['size=64k', 'mode=700', 'nr_inodes=7']) assert.ok(superOptions.includes(option), option)
  assert.match(await errorOf(tmpfs('colour=red')), /mount "tmpfs" on "\/t": fsconfig_string .* key="colour" .*: EINVAL/)
})

test('a bind mount is made whatever options of a file system it was given', async () => {
  const { options } = await mountedOn('/b', bind('/etc', 'bind', 'nosuid', 'size=1'))
  assert.ok(options.includes('nosuid'))
  assert.match(await errorOf(bind('/etc', 'bind', 'tmpcopyup')), /option "tmpcopyup" means nothing to a bind mount/)
})

test('a file is bound onto a file that is made for it; a relative destination begins at the root', async () => {
  const file = join(room.directory, 'greeting')
  writeFileSync(file, 'hello\n')
  const mounts: OciMount[] = [
    { destination: 'made/dir/file', type: 'bind', source: file, options: ['bind', 'ro'] },
    { destination: '/link', type: 'bind', source: file, options: ['rbind'] },
  ]
  const { log } = await room.run(pod, 'cat /made/dir/file /link; echo x > /made/dir/file || echo kept', { mounts })
  assert.match(log, /hello\n.*hello\n/s)
  assert.match(log, /kept/)
})

test('symbolic links are not followed where a mount says so', async () => {
  const script = 'echo found > /t/file; ln -s file /t/link; cat /t/file; cat /t/link || echo refused'
  const { log } = await room.run(pod, script, { mounts: [tmpfs('nosymfollow')] })
  assert.match(log, /found/)
  assert.match(log, /refused/)
})

test('tmpcopyup begins with what the image has, its owners and modes too', async () => {
  const script =
    'stat -c "%n %a %u" /etc /etc/passwd; echo more >> /etc/passwd && cat /etc/passwd; grep " /etc " /proc/mounts'
  const mount = { destination: '/etc', type: 'tmpfs', source: 'tmpfs' }
  const { log } = await room.run(pod, script, { mounts: [{ ...mount, options: ['tmpcopyup', 'nodev'] }] })
  assert.match(log, /\/etc 755 0\n.*\/etc\/passwd 644 0\n/s)
  assert.match(log, /root:x:0:0.*\n.*more/s)
  assert.match(log, /tmpfs \/etc tmpfs/)
  const readOnly = await room.run(pod, 'stat -c %a /etc; touch /etc/x || cat /etc/passwd', {
    mounts: [{ ...mount, options: ['tmpcopyup', 'ro', 'mode=711'] }],
  })
  assert.match(readOnly.log, /711\n/)
  assert.match(readOnly.log, /root:x/)
  assert.match(
    await errorOf({ ...mount, type: 'mqueue', options: ['tmpcopyup'] }),
    /tmpcopyup is for type "tmpfs" only/,
  )
})

test('remount changes what is mounted already', async () => {
  const mounts = [tmpfs('size=64k', 'nosuid'), tmpfs('remount', 'ro', 'noexec', 'size=128k')]
  const line = await mountedOn('/t', ...mounts)
  assert.ok(line.options.includes('ro') && line.options.includes('noexec'), line.options.join())
  assert.ok(line.superOptions.includes('size=128k'), line.superOptions.join())
  const shared = await mountedOn('/t', tmpfs('private'), tmpfs('remount', 'shared'))
  assert.match(shared.fields, /^shared:/)
  assert.match(await errorOf({ ...tmpfs('remount', 'ro'), destination: '/none' }), /on "\/none": remount_in .*: ENOENT/)
})

const ids = (containerID: number, hostID: number) => [{ containerID, hostID, size: 1000 }]

/** A directory of the host with a file of user 1000 and group 1000. */
function sharedDirectory(): string {
  const directory = join(room.directory, room.name('shared'))
  mkdirSync(directory)
  writeFileSync(join(directory, 'file'), 'x')
  chownSync(join(directory, 'file'), 1000, 1000)
  return directory
}

test('a mount with mappings of its own shows other owners, and keeps what is written under the right ones', async () => {
  const source = sharedDirectory()
  const mapped = { uidMappings: ids(1000, 5000), gidMappings: ids(1000, 6000) }
  const script = 'stat -c %u:%g /b/file'
  for (const option of ['idmap', 'ridmap', 'rw']) {
    const { log } = await room.run(pod, script, { mounts: [{ ...bind(source, 'rbind', option), ...mapped }] })
    assert.match(log, /5000:6000/, option)
  }
  const user = { uid: 5007, gid: 6007 }
  chownSync(source, 1007, 1007)
  await room.run(pod, 'echo x > /b/new', { process: { user }, mounts: [{ ...bind(source, 'bind'), ...mapped }] })
  assert.is(readFileSync(join(source, 'new'), 'utf8'), 'x\n')
})

test('mounts with different mappings do not mix', async () => {
  const source = sharedDirectory()
  const mounts = [ids(1000, 5000), ids(1000, 7000), ids(1000, 5000)].map((uidMappings, n) => ({
    ...bind(source, 'bind', 'idmap'),
    destination: `/b${n}`,
    uidMappings,
    gidMappings: ids(1000, 1000),
  }))
  const { log } = await room.run(pod, 'stat -c %u /b0/file /b1/file /b2/file', { mounts })
  assert.equal(log.match(/\d000/g), ['5000', '7000', '5000'])
})

test('a tmpfs takes mappings, too', async () => {
  // Linux 6.3: before, the mount is refused.
  if (/^([0-5]|6\.[0-2])\./.test(release())) return
  const map = { uidMappings: ids(0, 3000), gidMappings: ids(0, 3000) }
  const { log: owner } = await room.run(pod, 'stat -c %u:%g /t', { mounts: [{ ...tmpfs('idmap'), ...map }] })
  assert.match(owner, /3000:3000/)
})

test('a mapping that is nowhere, or that a file system cannot honour, is an error that names the mount', async () => {
  assert.match(
    await errorOf(bind('/etc', 'bind', 'idmap')),
    /mount "\/etc" on "\/b": it is to be id-mapped, but neither/,
  )
  const map = { uidMappings: ids(0, 1000), gidMappings: ids(0, 1000) }
  assert.match(await errorOf({ ...bind('/proc/sys', 'bind'), ...map }), /on "\/b": idmap_mount .*: EINVAL/)
  const cgroup = { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', ...map }
  assert.match(await errorOf(cgroup), /cgroups cannot be id-mapped/)
})

test.run()
