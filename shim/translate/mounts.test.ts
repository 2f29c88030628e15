// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Mount, MountPropagation as Propagation } from '../../cri-proto/index.ts'
import type { OciMount } from '../../runtime-core/spec/types.ts'
import { checkMounts, containerMounts, imageVolumePaths, type MountsInput } from './mounts.ts'
import { refused } from './refused.ts'

type MountFields = Parameters<typeof Mount.fromPartial>[0]
const cri = (fields: MountFields = {}) =>
  Mount.fromPartial({ containerPath: '/data', hostPath: '/srv/link', ...fields })
const fact = (shared: boolean, slave: boolean) => ({ mountPoint: '/srv', shared, slave })
const POD = { network: 'pod', ipc: 'pod', pid: 'pod' } as const
const MAPPING = { containerID: 0, hostID: 100000, size: 65536 }
const USER = { uids: [MAPPING], gids: [MAPPING] }

function translate(mounts: readonly Mount[], over: Partial<MountsInput> = {}) {
  return containerMounts({
    requested: mounts,
    sources: mounts.map(() => ({ hostPath: '/srv/real', propagation: fact(true, false) })),
    podPaths: { hostnameFile: '/p/hostname', hostsFile: '/p/hosts', resolvConfFile: '/p/resolv.conf', shm: '/p/shm' },
    imageVolumes: [],
    readonlyRootfs: false,
    privileged: false,
    pod: POD,
    recursiveReadOnly: true,
    ...over,
  })
}

const destinations = (...input: Parameters<typeof translate>) =>
  translate(...input).mounts.map((mount) => mount.destination)
function at(path: string, ...input: Parameters<typeof translate>): OciMount | undefined {
  return translate(...input).mounts.findLast((mount) => mount.destination === path)
}

test("a container has containerd's mounts, then the files of its pod", () => {
  assert.equal(translate([]).mounts, [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'],
    },
    { destination: '/etc/hostname', type: 'bind', source: '/p/hostname', options: ['rbind', 'rprivate', 'rw'] },
    { destination: '/etc/hosts', type: 'bind', source: '/p/hosts', options: ['rbind', 'rprivate', 'rw'] },
    { destination: '/etc/resolv.conf', type: 'bind', source: '/p/resolv.conf', options: ['rbind', 'rprivate', 'rw'] },
    { destination: '/dev/shm', type: 'bind', source: '/p/shm', options: ['rbind', 'rprivate', 'rw'] },
  ])
})

test('privileged containers may write to /sys and their cgroups', () => {
  assert.ok(at('/sys', [], { privileged: true })?.options?.includes('rw'))
  assert.ok(at('/sys/fs/cgroup', [], { privileged: true })?.options?.includes('rw'))
})

test("with a read-only root the pod's files are read-only, /dev/shm and requested mounts are not", () => {
  const readonlyRootfs = true
  for (const path of ['/etc/hostname', '/etc/hosts', '/etc/resolv.conf']) {
    assert.equal(at(path, [], { readonlyRootfs })?.options, ['rbind', 'rprivate', 'ro'])
  }
  assert.ok(at('/dev/shm', [], { readonlyRootfs })?.options?.includes('rw'))
  assert.ok(at('/data', [cri()], { readonlyRootfs })?.options?.includes('rw'))
})

test('a file the pod does not have is not mounted', () => {
  assert.not.ok(destinations([], { podPaths: { shm: '/dev/shm' } }).some((path) => path.startsWith('/etc')))
})

test('a requested mount is bound from its resolved source', () => {
  assert.equal(at('/data', [cri()]), {
    destination: '/data',
    type: 'bind',
    source: '/srv/real',
    options: ['rbind', 'rprivate', 'rw'],
  })
})

const OPTIONS: readonly [MountFields, readonly string[]][] = [
  [{ readonly: true }, ['rbind', 'rprivate', 'ro']],
  [{ readonly: true, recursiveReadOnly: true }, ['rbind', 'rprivate', 'rro']],
  [{ propagation: Propagation.PROPAGATION_HOST_TO_CONTAINER }, ['rbind', 'rslave', 'rw']],
  [{ propagation: Propagation.PROPAGATION_BIDIRECTIONAL, readonly: true }, ['rbind', 'rshared', 'ro']],
]
for (const [fields, options] of OPTIONS) {
  test(`options ${options.join()}`, () => assert.equal(at('/data', [cri(fields)])?.options, options))
}

test('the root passes on what any of its mounts passes on', () => {
  const slave = cri({ propagation: Propagation.PROPAGATION_HOST_TO_CONTAINER })
  const shared = cri({ containerPath: '/b', propagation: Propagation.PROPAGATION_BIDIRECTIONAL })
  assert.is(translate([cri()]).rootfsPropagation, undefined)
  assert.is(translate([slave, cri()]).rootfsPropagation, 'rslave')
  assert.is(translate([shared, slave]).rootfsPropagation, 'rshared')
  assert.is(translate([slave, shared]).rootfsPropagation, 'rshared')
})

const PROPAGATION_FACTS = [
  [Propagation.PROPAGATION_PRIVATE, undefined, true],
  [Propagation.PROPAGATION_PRIVATE, fact(false, false), true],
  [Propagation.PROPAGATION_HOST_TO_CONTAINER, fact(true, false), true],
  [Propagation.PROPAGATION_HOST_TO_CONTAINER, fact(false, true), true],
  [Propagation.PROPAGATION_HOST_TO_CONTAINER, fact(false, false), false],
  [Propagation.PROPAGATION_HOST_TO_CONTAINER, undefined, false],
  [Propagation.PROPAGATION_BIDIRECTIONAL, fact(true, true), true],
  [Propagation.PROPAGATION_BIDIRECTIONAL, fact(false, true), false],
  [Propagation.PROPAGATION_BIDIRECTIONAL, fact(false, false), false],
] as const
for (const [propagation, propagationFact, works] of PROPAGATION_FACTS) {
  test(`propagation ${propagation} from a mount ${JSON.stringify(propagationFact)}: ${works}`, () => {
    const sources = [{ hostPath: '/srv/real', propagation: propagationFact }]
    const act = () => translate([cri({ propagation })], { sources })
    if (works) act()
    else refused(act, 'failed_precondition', '"/srv/link"', 'is not shared')
  })
}

test('mounts are made by depth, those of one depth as requested', () => {
  const paths = ['/a/b/c', '/z', '/a', '/a/b', '/y']
  const result = destinations(paths.map((containerPath) => cri({ containerPath })))
  assert.equal(
    result.filter((path) => paths.includes(path)),
    ['/z', '/a', '/y', '/a/b', '/a/b/c'],
  )
})

test('a requested mount takes the place of a default one or of a pod file', () => {
  for (const path of [
    '/proc',
    '/sys',
    '/dev/mqueue',
    '/sys/fs/cgroup',
    '/etc/hosts',
    '/dev/shm',
    '/etc/../etc/hosts',
  ]) {
    const result = translate([cri({ containerPath: path })]).mounts
    const clean = path.replace('/etc/..', '')
    assert.equal(
      result.filter((mount) => mount.destination === clean).map((mount) => mount.source),
      ['/srv/real'],
      path,
    )
  }
})

test("a mount on /dev removes the defaults below it; the pod's shared memory stays", () => {
  const result = destinations([cri({ containerPath: '/dev' })])
  assert.equal(
    result.filter((path) => path.startsWith('/dev')),
    ['/dev', '/dev/shm'],
  )
})

test('a path of the container is relative to its root and cannot leave it', () => {
  assert.ok(at('/data', [cri({ containerPath: 'data' })]))
  assert.ok(at('/etc/x', [cri({ containerPath: '/a/../../../etc/x/' })]))
})

test('id mappings of a mount are handed on', () => {
  const ids = [{ containerId: 0, hostId: 100000, length: 65536 }]
  const mount = at('/data', [cri({ uidMappings: ids, gidMappings: ids })])
  assert.equal(mount?.uidMappings, [MAPPING])
  assert.equal(mount?.gidMappings, [MAPPING])
})

test('in a user namespace what is made for the pod needs no mapping: it belongs to the root of the namespace', () => {
  const over = { pod: { ...POD, user: USER }, imageVolumes: [{ containerPath: '/vol', hostPath: '/c/vol' }] }
  assert.is(at('/etc/hosts', [], over)?.uidMappings, undefined)
  assert.is(at('/vol', [], over)?.gidMappings, undefined)
  assert.is(at('/dev/shm', [], over)?.uidMappings, undefined)
})

test("in a user namespace on the node's network /sys is bound read-only", () => {
  assert.equal(at('/sys', [], { pod: { ...POD, network: 'host', user: USER } }), {
    destination: '/sys',
    type: 'bind',
    source: '/sys',
    options: ['rbind', 'rro', 'nosuid', 'noexec', 'nodev'],
  })
})

test('terminals belong to group tty only where that is mapped', () => {
  const small = { containerID: 0, hostID: 5000, size: 5 }
  const pod = { ...POD, user: { uids: [small], gids: [small] } }
  assert.not.ok(at('/dev/pts', [], { pod })?.options?.includes('gid=5'))
  assert.ok(at('/dev/pts', [], { pod: { ...POD, user: USER } })?.options?.includes('gid=5'))
})

test('volumes of the image are mounted unless the request mounts there', () => {
  const image = { Volumes: { '/vol': {}, rel: {}, '/data/': {}, '/': {}, '/vol/': {} } }
  assert.equal(imageVolumePaths(image, [cri()]), ['/vol', '/rel'])
  assert.equal(imageVolumePaths({}, []), [])
  const imageVolumes = [
    { containerPath: '/vol', hostPath: '/c/1' },
    { containerPath: '/data', hostPath: '/c/2' },
  ]
  assert.equal(at('/vol', [cri()], { imageVolumes })?.source, '/c/1')
  assert.equal(at('/data', [cri()], { imageVolumes })?.source, '/srv/real')
})

const image = { image: 'sha256:abc' }
test('an image is mounted from the directory handed in, else it is unimplemented', () => {
  const mount = cri({ hostPath: '', readonly: true, image })
  assert.equal(at('/data', [mount], { sources: [{ hostPath: '/images/abc' }] })?.options, ['rbind', 'rprivate', 'ro'])
  refused(() => translate([mount], { sources: [undefined] }), 'unimplemented', '"sha256:abc"')
})

test('a mount without its source is our own error', () =>
  refused(() => translate([cri()], { sources: [] }), 'internal'))

const ID = [{ containerId: 0, hostId: 0, length: 1 }]
const REFUSED: readonly [string, MountFields, ...string[]][] = [
  ['no container path', { containerPath: '' }, 'config.mounts[0].container_path'],
  ['a mount on the root', { containerPath: '/a/..' }, 'container_path', '"/a/.."'],
  ['a container path with NUL', { containerPath: '/a\0' }, 'container_path'],
  ['no host path', { hostPath: '' }, 'host_path'],
  ['a relative host path', { hostPath: 'srv' }, 'host_path', '"srv"', 'absolute'],
  ['a propagation of the future', { propagation: 7 as Propagation }, 'propagation', '7'],
  ['recursive read-only without read-only', { recursiveReadOnly: true }, 'recursive_read_only', 'readonly'],
  [
    'recursive read-only with propagation',
    { recursiveReadOnly: true, readonly: true, propagation: Propagation.PROPAGATION_HOST_TO_CONTAINER },
    'recursive_read_only',
    'PRIVATE',
  ],
  ['an image with a host path', { image, readonly: true }, 'host_path', '"/srv/link"'],
  ['a writable image', { image, hostPath: '' }, 'readonly'],
  ['uid mappings alone', { uidMappings: ID }, 'gidMappings'],
  ['gid mappings alone', { gidMappings: ID }, 'gidMappings'],
]
for (const [title, fields, ...fragments] of REFUSED) {
  test(`refused: ${title}`, () => refused(() => checkMounts([cri(fields)], true), 'invalid_argument', ...fragments))
}

test('recursive read-only on an old kernel is refused in the words the kubelet knows', () => {
  const mount = cri({ readonly: true, recursiveReadOnly: true })
  refused(() => checkMounts([mount], false), 'failed_precondition', 'RROUnsupported', '/srv/link')
})

test.run()
