// SPDX-License-Identifier: Apache-2.0

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { GantryError } from '../errors.ts'
import { detectCgroups, readCgroupHost } from './detect.ts'

const line = (mountPoint: string, type: string, options: string, root = '/') =>
  `36 31 0:33 ${root} ${mountPoint} rw,nosuid shared:9 - ${type} ${type} ${options}`
const other = line('/', 'ext4', 'rw,errors=remount-ro')

test('a current distribution has everything in the unified hierarchy', () => {
  const host = detectCgroups({
    mountinfo: [other, line('/sys/fs/cgroup', 'cgroup2', 'rw,nsdelegate,memory_recursiveprot')].join('\n'),
    selfCgroup: '0::/system.slice/gantryd.service\n',
    controllersText: 'cpuset cpu io memory hugetlb pids rdma misc\n',
  })
  assert.is(host.mode, 'v2')
  assert.is(host.unifiedMount, '/sys/fs/cgroup')
  assert.equal(host.controllers, ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids', 'rdma', 'misc'])
  assert.is(host.v1.size, 0)
  assert.is(host.self.get(''), '/system.slice/gantryd.service')
})

test('controllers mounted together share a directory, and named hierarchies are left alone', () => {
  const host = detectCgroups({
    mountinfo: [
      line('/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'rw,cpu,cpuacct'),
      line('/sys/fs/cgroup/memory', 'cgroup', 'rw,memory,clone_children'),
      line('/sys/fs/cgroup/systemd', 'cgroup', 'rw,xattr,release_agent=/lib/agent,name=systemd'),
    ].join('\n'),
    selfCgroup: '4:cpu,cpuacct:/a\n1:name=systemd:/b\n',
  })
  assert.is(host.mode, 'v1')
  assert.is(host.unifiedMount, undefined)
  assert.equal(Object.fromEntries(host.v1), {
    cpu: '/sys/fs/cgroup/cpu,cpuacct',
    cpuacct: '/sys/fs/cgroup/cpu,cpuacct',
    memory: '/sys/fs/cgroup/memory',
  })
  assert.is(host.self.get('cpuacct'), '/a')
  assert.is(host.self.get('name=systemd'), '/b')
})

test('a v2 beside v1 controllers makes a hybrid host', () => {
  const mountinfo = [
    line('/sys/fs/cgroup/pids', 'cgroup', 'rw,pids'),
    line('/sys/fs/cgroup/unified', 'cgroup2', 'rw'),
  ].join('\n')
  const host = detectCgroups({ mountinfo, selfCgroup: '', controllersText: 'misc\n' })
  assert.is(host.mode, 'hybrid')
  assert.is(host.unifiedMount, '/sys/fs/cgroup/unified')
  assert.equal(host.controllers, ['pids', 'misc'])
})

test('of several mounts of one hierarchy the usual one is taken', () => {
  const mountinfo = [
    line('/var/lib/docker/x/sys/fs/cgroup', 'cgroup2', 'rw', '/docker/x'),
    line('/mnt/with\\040blank', 'cgroup2', 'rw'),
    line('/sys/fs/cgroup', 'cgroup2', 'rw'),
  ]
  const taken = (lines: string[]) => detectCgroups({ mountinfo: lines.join('\n'), selfCgroup: '' }).unifiedMount
  assert.is(taken(mountinfo), '/sys/fs/cgroup')
  assert.is(taken(mountinfo.slice(1, 2)), '/mnt/with blank')
})

test('a machine without cgroups is told so', () => {
  assert.throws(
    () => detectCgroups({ mountinfo: other, selfCgroup: '' }),
    (error: unknown) => error instanceof GantryError && error.code === 'failed_precondition',
  )
})

test('this machine’s cgroups are found', async () => {
  const host = await readCgroupHost()
  assert.ok(host.controllers.length > 0)
  assert.ok(host.self.size > 0)
})

test.run()
