// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseMountInfo } from '../kernel/mountinfo.ts'
import type { OciSpec } from '../spec/types.ts'
import { inheritedStdio } from './descriptors.ts'
import { externalMounts, restoredMounts } from './mounts.ts'

const SPEC: OciSpec = {
  ociVersion: '1.3.0',
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc' },
    { destination: '/var/run/data', type: 'bind', source: '/srv/data', options: ['rbind'] },
    { destination: '/one', type: 'bind', source: '/srv', options: ['bind'] },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup' },
  ],
  linux: { namespaces: [{ type: 'cgroup' }], maskedPaths: ['/proc/kcore', '/proc/acpi'] },
}

const INSIDE = parseMountInfo(`1 0 8:1 / / rw - overlay overlay rw
2 1 0:5 / /proc rw - proc proc rw
3 2 0:6 /null /proc/kcore rw - devtmpfs devtmpfs rw
4 2 0:7 / /proc/acpi ro - tmpfs none ro
5 1 8:1 /srv/data /run/data rw - ext4 /dev/vda rw
6 5 8:2 / /run/data/a\\040b rw - ext4 /dev/vdb rw
7 1 8:1 /srv /one rw - ext4 /dev/vda rw
8 1 0:8 / /sys/fs/cgroup rw - tmpfs cgroup rw
9 8 0:9 /c1 /sys/fs/cgroup/pids ro - cgroup cgroup rw
`)

const resolve = (path: string): string => path.replace(/^\/var\/run/, '/run')

test('binds, what is below them, masked files and controllers are external; masked directories are not', () => {
  assert.equal(externalMounts(SPEC, INSIDE, resolve, 'v1'), [
    { mountPoint: '/proc/kcore', key: '/proc/kcore' },
    { mountPoint: '/run/data', key: '/var/run/data' },
    { mountPoint: '/run/data/a b', key: '/var/run/data/a b' },
    { mountPoint: '/one', key: '/one' },
    { mountPoint: '/sys/fs/cgroup/pids', key: '/sys/fs/cgroup/pids' },
  ])
})

test('a cgroup2 mount of a container’s own cgroup namespace is its own', () => {
  const mounts = parseMountInfo('9 8 0:9 / /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n')
  assert.equal(externalMounts(SPEC, mounts, resolve, 'v2'), [])
  const shared = { ...SPEC, linux: {} }
  assert.equal(externalMounts(shared, mounts, resolve, 'v2'), [{ mountPoint: '/sys/fs/cgroup', key: '/sys/fs/cgroup' }])
})

test('a restore has a path for every key, with what is mounted below a recursive bind', () => {
  const host = parseMountInfo('6 5 8:2 / /srv/data/a\\040b rw - ext4 /dev/vdb rw\n7 1 8:1 / /srv/data rw - ext4 x rw\n')
  assert.equal(restoredMounts(SPEC, host, new Map([['pids', '/sys/fs/cgroup/pids/c2']])), [
    { key: '/var/run/data', hostPath: '/srv/data' },
    { key: '/var/run/data/a b', hostPath: '/srv/data/a b' },
    { key: '/one', hostPath: '/srv' },
    { key: '/proc/kcore', hostPath: '/dev/null' },
    { key: '/proc/acpi', hostPath: '/dev/null' },
    { key: '/sys/fs/cgroup/pids', hostPath: '/sys/fs/cgroup/pids/c2' },
  ])
})

test('a stream that two descriptors share is handed over once', () => {
  assert.equal(inheritedStdio(['/dev/null', 'pipe:[7]', 'pipe:[7]']), [{ key: 'pipe:[7]', fd: 1 }])
  assert.equal(inheritedStdio(['file[1b:2]', '/dev/pts/0', '']), [{ key: 'file[1b:2]', fd: 0 }])
})

test.run()
