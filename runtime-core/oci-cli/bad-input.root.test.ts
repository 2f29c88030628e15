// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { OciSpec } from '../spec/types.ts'
import { makeConfig, Workplace } from './testing.ts'

const test = suite<{ place: Workplace }>('bad and unusual bundles')
test.before.each((context) => {
  context.place = new Workplace()
})
test.after.each(({ place }) => place.leave())

const PROGRAM = makeConfig(['true'])

/** The create fails, says so, and nothing of the container is there: no state, no cgroup, no pid file. */
function refused(place: Workplace, bundle: string, expected: RegExp): void {
  const id = place.id()
  const pidFile = join(place.directory, `pid-${id}`)
  const { status, stderr } = place.call('create', '-b', bundle, '--pid-file', pidFile, id)
  assert.is(status, 1)
  assert.match(stderr, expected)
  assert.equal(existsSync(place.root) ? readdirSync(place.root) : [], [])
  assert.not(existsSync(pidFile))
  for (const hierarchy of ['', 'pids', 'memory', 'unified']) {
    assert.not(existsSync(join('/sys/fs/cgroup', hierarchy, id)), hierarchy)
  }
}

test('a bundle without config.json, and one that is not there', ({ place }) => {
  const bundle = place.bundle(PROGRAM)
  rmSync(join(bundle, 'config.json'))
  refused(place, bundle, /config\.json not found/)
  refused(place, '/no/such/bundle', /config\.json not found/)
})

test('a config.json that is no JSON, or no object', ({ place }) => {
  const bundle = place.bundle(PROGRAM)
  for (const text of ['', '{', '[]', 'null', '"text"', '{"ociVersion":"1.0.0"}{']) {
    writeFileSync(join(bundle, 'config.json'), text)
    refused(place, bundle, /config|JSON|object|missing/i)
  }
})

test('a root that is missing, and one that is a file', ({ place }) => {
  const bundle = place.bundle(PROGRAM)
  writeFileSync(join(bundle, 'file'), '')
  place.configure(bundle, { ...PROGRAM, root: { path: 'file' } })
  refused(place, bundle, /find root .*\/file.*ENOTDIR/)
  place.configure(bundle, { ...PROGRAM, root: { path: 'nowhere' } })
  refused(place, bundle, /find root .*\/nowhere.*ENOENT/)
})

const process = (change: object): Partial<OciSpec> => ({ process: { ...PROGRAM.process, cwd: '/', ...change } })
const linux = (change: object): Partial<OciSpec> => ({ linux: { ...PROGRAM.linux, ...change } })

const BAD: readonly (readonly [string, object, RegExp])[] = [
  ['no version', { ociVersion: undefined }, /ociVersion/],
  ['no arguments', process({ args: [] }), /process\.args/],
  ['a relative working directory', process({ cwd: 'relative' }), /process\.cwd/],
  ['a user that is a name', process({ user: { uid: 'root', gid: 0 } }), /process\.user\.uid/],
  ['a limit without a name', process({ rlimits: [{ type: 'RLIMIT_NOTHING', soft: 1, hard: 1 }] }), /RLIMIT_NOTHING/],
  ['a namespace of no kind', linux({ namespaces: [{ type: 'nothing' }] }), /linux\.namespaces\[0\]\.type/],
  [
    'a namespace that is no file',
    linux({ namespaces: [{ type: 'mount' }, { type: 'network', path: '/no/such/ns' }] }),
    /\/no\/such\/ns/,
  ],
  ['a mount without a place', { mounts: [{ type: 'tmpfs', source: 'tmpfs' }] }, /mounts\[0\]\.destination/],
  [
    'a mount of what is not there',
    { mounts: [{ destination: '/x', type: 'bind', source: '/no/such/source' }] },
    /\/no\/such\/source/,
  ],
  ['a file system of no kind', { mounts: [{ destination: '/x', type: 'nosuchfs', source: 'x' }] }, /nosuchfs/],
  ['a device rule of no kind', linux({ resources: { devices: [{ allow: true, type: 'p' }] } }), /devices\[0\]\.type/],
  ['a seccomp action of no kind', linux({ seccomp: { defaultAction: 'SCMP_ACT_NOTHING' } }), /seccomp\.defaultAction/],
  ['a hook that is relative', { hooks: { poststop: [{ path: 'relative' }] } }, /hooks\.poststop\[0\]\.path/],
  [
    'a hostname without a namespace for it',
    { hostname: 'x', linux: { namespaces: [{ type: 'mount' }] } },
    /hostname|uts/i,
  ],
]

for (const [what, change, expected] of BAD) {
  test(`${what} is refused by name`, ({ place }) => {
    refused(place, place.bundle({ ...PROGRAM, ...change } as OciSpec), expected)
  })
}

test('a working directory that cannot be one fails the create, and leaves nothing', ({ place }) => {
  refused(
    place,
    place.bundle({ ...PROGRAM, ...process({ cwd: '/bin/busybox' }) } as OciSpec),
    /\/bin\/busybox.*ENOTDIR/,
  )
})

test('a very large config.json is read whole', ({ place }) => {
  const annotations = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`key/${n}`, 'x'.repeat(200)]))
  const env = Array.from({ length: 1000 }, (_, n) => `V${n}=${'y'.repeat(100)}`)
  const config = makeConfig(['/bin/sh', '-c', 'echo $V999'], { annotations })
  const large = { ...config, process: { ...config.process, cwd: '/', env: ['PATH=/bin', ...env] } }
  assert.is(place.must('run', '-b', place.bundle(large), place.id()), `${'y'.repeat(100)}\n`)
})

test('a bundle, a root and a pid file may be given by relative paths', ({ place }) => {
  const bundle = place.bundle(makeConfig(['cat', '/there/file'], { root: { path: './deep/../deep/root' } }))
  mkdirSync(join(bundle, 'deep'))
  renameSync(join(bundle, 'rootfs'), join(bundle, 'deep/root'))
  mkdirSync(join(bundle, 'data'))
  writeFileSync(join(bundle, 'data/file'), 'by a relative source\n')
  const base = makeConfig(['cat', '/there/file'])
  const mounts = [...(base.mounts ?? []), { destination: '/there', type: 'bind', source: 'data', options: ['bind'] }]
  place.configure(bundle, { ...base, root: { path: './deep/../deep/root' }, mounts })
  const relative = join(dirname(bundle), '.', `../${dirname(bundle).split('/').at(-1)}/${bundle.split('/').at(-1)}`)
  assert.is(place.must('run', '-b', relative, place.id()), 'by a relative source\n')
})

test.run()
