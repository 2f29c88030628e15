// SPDX-License-Identifier: Apache-2.0

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { errnoNumber } from '../kernel/errno.ts'
import type { OciResources } from '../spec/types.ts'
import type { CgroupHost } from './detect.ts'
import { cgroupWriteHint } from './hint.ts'
import { type CgroupPlan, type CgroupWrite, compileCgroup, compileUpdate, mergeResources } from './manager.ts'

const V2: CgroupHost = {
  mode: 'v2',
  unifiedMount: '/cg',
  v1: new Map(),
  controllers: ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids'],
  self: new Map(),
}
const names = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids']
const V1: CgroupHost = {
  mode: 'v1',
  v1: new Map(
    names.map((name) => [name, name.startsWith('cpu') && name !== 'cpuset' ? '/cg/cpu,cpuacct' : `/cg/${name}`]),
  ),
  controllers: names,
  self: new Map(),
}
const HYBRID: CgroupHost = { ...V1, mode: 'hybrid', unifiedMount: '/cg/unified' }

const text = ({ path, value, copyFrom, orElse, ignore }: CgroupWrite) =>
  `${path} ${copyFrom === undefined ? value : `< ${copyFrom}`}${ignore === undefined ? '' : ` (${ignore})`}${
    orElse === undefined ? '' : ` or ${orElse.path.slice(orElse.path.lastIndexOf('/') + 1)} ${orElse.value}`
  }`
/** The writes into the container's own directory, `file value`. */
const limits = ({ writes }: Pick<CgroupPlan, 'writes'>, path = '/pod/c1/') =>
  writes
    .filter((write) => write.path.includes(path) && write.copyFrom === undefined && !write.path.includes('/devices.'))
    .map((write) => text(write).slice(write.path.lastIndexOf('/') + 1))

test('on v2 the container is born into its leaf, with the controllers handed down to it', () => {
  const plan = compileCgroup(V2, '/pod/c1', { memory: { limit: 1000 }, pids: { limit: 5 } })
  assert.equal(plan.directories, ['/cg/pod', '/cg/pod/c1'])
  assert.equal(plan.leaves, ['/cg/pod/c1'])
  const optional = ['cpu', 'cpuset', 'io', 'hugetlb'].map((name) => `+${name} (EINVAL,ENOENT)`)
  assert.equal(plan.writes.map(text), [
    ...['+memory +pids', ...optional].map((value) => `/cg/cgroup.subtree_control ${value}`),
    ...['+memory +pids', ...optional].map((value) => `/cg/pod/cgroup.subtree_control ${value}`),
    '/cg/pod/c1/memory.max 1000',
    '/cg/pod/c1/pids.max 5',
  ])
  assert.equal(plan.joinFiles, [])
  assert.is(plan.unifiedDirectory, '/cg/pod/c1')
  assert.is(plan.killFile, '/cg/pod/c1/cgroup.kill')
  assert.is(plan.procsFile, '/cg/pod/c1/cgroup.procs')
  assert.is(plan.oomFile, '/cg/pod/c1/memory.events')
  assert.equal(plan.freezer, { version: 2, directory: '/cg/pod/c1' })
  assert.ok(plan.deviceProgram)
})

test('on v1 the container joins every hierarchy, and new cpusets get their parents’ values', () => {
  const plan = compileCgroup(V1, 'pod//c1/', {})
  assert.is(plan.directories.length, 14)
  for (const [n, directory] of plan.directories.entries()) {
    const parent = directory.slice(0, directory.lastIndexOf('/'))
    assert.ok(parent.split('/').length === 3 || plan.directories.slice(0, n).includes(parent), directory)
  }
  assert.is(plan.joinFiles.length, 7)
  assert.ok(plan.joinFiles.includes('/cg/cpu,cpuacct/pod/c1/tasks'))
  assert.equal(plan.writes.slice(0, 4).map(text), [
    '/cg/cpuset/pod/cpuset.mems < /cg/cpuset/cpuset.mems',
    '/cg/cpuset/pod/cpuset.cpus < /cg/cpuset/cpuset.cpus',
    '/cg/cpuset/pod/c1/cpuset.mems < /cg/cpuset/pod/cpuset.mems',
    '/cg/cpuset/pod/c1/cpuset.cpus < /cg/cpuset/pod/cpuset.cpus',
  ])
  const [deny, ...allowed] = plan.writes.filter(({ path }) => path.includes('/devices.')).map(text)
  assert.is(deny, '/cg/devices/pod/c1/devices.deny a')
  assert.ok(allowed.includes('/cg/devices/pod/c1/devices.allow c 1:3 rwm'))
  assert.is(plan.deviceProgram, undefined)
  assert.is(plan.unifiedDirectory, undefined)
  assert.is(plan.killFile, undefined)
  assert.equal(plan.freezer, { version: 1, directory: '/cg/freezer/pod/c1' })
})

test('on a hybrid host the unified hierarchy serves for killing and freezing', () => {
  const plan = compileCgroup(HYBRID, '/pod/c1', {})
  assert.is(plan.unifiedDirectory, '/cg/unified/pod/c1')
  assert.is(plan.killFile, '/cg/unified/pod/c1/cgroup.kill')
  assert.is(plan.procsFile, '/cg/unified/pod/c1/cgroup.procs')
  assert.is(plan.oomFile, '/cg/memory/pod/c1/memory.oom_control')
  assert.is(plan.leaves.length, 8)
  assert.equal(plan.freezer, { version: 2, directory: '/cg/unified/pod/c1' })
  assert.is(plan.deviceProgram, undefined)
})

test('a hybrid host without the devices controller enforces device rules by program', () => {
  const v1 = new Map([...HYBRID.v1].filter(([name]) => name !== 'devices'))
  assert.ok(compileCgroup({ ...HYBRID, v1 }, '/pod/c1', {}).deviceProgram)
  assert.throws(() => compileCgroup({ ...V1, v1 }, '/pod/c1', {}), /"linux.resources.devices"/)
  assert.ok(compileCgroup({ ...V1, v1 }, '/pod/c1', { devices: [{ allow: true, access: 'rwm' }] }))
})

const EVERYTHING: OciResources = {
  memory: { limit: 1000, reservation: 500, swap: 3000 },
  cpu: { shares: 1024, quota: 50_000, period: 200_000, burst: 10_000, cpus: '0-1', mems: '0' },
  pids: { limit: 10 },
  blockIO: {
    weight: 100,
    weightDevice: [{ major: 8, minor: 0, weight: 500 }],
    throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1_000_000 }],
    throttleWriteIOPSDevice: [{ major: 8, minor: 16, rate: 0 }],
  },
}

test('every limit finds its v2 file and value', () => {
  const hugepageLimits = [{ pageSize: '2MB', limit: 4194304 }]
  const unified = { 'memory.high': '900', 'cpu.weight': '7' }
  assert.equal(limits(compileCgroup(V2, '/pod/c1', { ...EVERYTHING, hugepageLimits, unified })), [
    'cpu.weight 100',
    'cpu.max 50000 200000',
    'cpu.max.burst 10000',
    'cpuset.mems 0',
    'cpuset.cpus 0-1',
    'memory.max 1000',
    'memory.low 500',
    'memory.swap.max 2000',
    'pids.max 10',
    'io.bfq.weight 100 or io.weight 910',
    'io.bfq.weight 8:0 500',
    'io.max 8:0 rbps=1000000',
    'io.max 8:16 wiops=max',
    'hugetlb.2MB.max 4194304',
    'hugetlb.2MB.rsvd.max 4194304 (ENOENT)',
    'memory.high 900',
    'cpu.weight 7',
  ])
})

test('every limit finds its v1 file and value', () => {
  const v1 = new Map([
    ...V1.v1,
    ...['net_cls', 'net_prio', 'rdma'].map((name): [string, string] => [name, `/cg/${name}`]),
  ])
  const memory = {
    ...EVERYTHING.memory,
    kernelTCP: 600,
    swappiness: 10,
    disableOOMKiller: true,
    useHierarchy: true,
  }
  const weightDevice = [{ major: 8, minor: 0, weight: 500, leafWeight: 300 }]
  const blockIO = { ...EVERYTHING.blockIO, leafWeight: 200, weightDevice }
  const cpu = { ...EVERYTHING.cpu, realtimePeriod: 1_000_000, realtimeRuntime: 9000 }
  const network = { classID: 0x100001, priorities: [{ name: 'eth0', priority: 5 }] }
  const rdma = { mlx4_0: { hcaHandles: 2, hcaObjects: 2000 } }
  const all = { ...EVERYTHING, memory, cpu, blockIO, network, rdma }
  assert.equal(limits(compileCgroup({ ...V1, v1 }, '/pod/c1', all)), [
    'cpu.shares 1024',
    'cpu.cfs_period_us 200000',
    'cpu.cfs_quota_us 50000',
    'cpu.cfs_burst_us 10000',
    'cpu.rt_period_us 1000000',
    'cpu.rt_runtime_us 9000',
    'cpuset.mems 0',
    'cpuset.cpus 0-1',
    'memory.limit_in_bytes 1000',
    'memory.memsw.limit_in_bytes 3000',
    'memory.soft_limit_in_bytes 500',
    'memory.kmem.tcp.limit_in_bytes 600',
    'memory.use_hierarchy 1',
    'memory.swappiness 10',
    'memory.oom_control 1',
    'pids.max 10',
    'blkio.weight 100 or blkio.bfq.weight 100',
    'blkio.leaf_weight 200',
    'blkio.weight_device 8:0 500 or blkio.bfq.weight_device 8:0 500',
    'blkio.leaf_weight_device 8:0 300',
    'blkio.throttle.read_bps_device 8:0 1000000',
    'blkio.throttle.write_iops_device 8:16 0',
    'net_cls.classid 1048577',
    'net_prio.ifpriomap eth0 5',
    'rdma.max mlx4_0 hca_handle=2 hca_object=2000',
  ])
})

test('a unified value of several lines is written line by line', () => {
  const unified = { 'io.max': '8:0 rbps=1\n8:16 wbps=2\n', 'memory.high': '' }
  assert.equal(limits(compileCgroup(V2, '/pod/c1', { unified })), [
    'io.max 8:0 rbps=1',
    'io.max 8:16 wbps=2',
    'memory.high ',
  ])
})

test('zero and minus one mean unset and unlimited', () => {
  const none = { memory: { limit: 0, swap: 0 }, cpu: { shares: 0, quota: 0, period: 0, cpus: '' } }
  for (const host of [V1, V2]) assert.equal(limits(compileCgroup(host, '/pod/c1', none)), [])
  const unlimited = { memory: { limit: -1 }, cpu: { quota: -1 }, pids: { limit: -1 } }
  assert.equal(limits(compileCgroup(V2, '/pod/c1', unlimited)), [
    'cpu.max max 100000',
    'memory.max max',
    'memory.swap.max max (ENOENT)',
    'pids.max max',
  ])
  assert.equal(limits(compileCgroup(V1, '/pod/c1', unlimited)), [
    'cpu.cfs_quota_us -1',
    'memory.memsw.limit_in_bytes -1 (ENOENT)',
    'memory.limit_in_bytes -1',
    'pids.max max',
  ])
})

test('no swap is asked for in vain on a kernel without swap accounting, swap is not', () => {
  const swap = (host: CgroupHost, bytes: number) =>
    limits(compileCgroup(host, '/pod/c1', { memory: { limit: 1000, swap: bytes } })).at(-1)
  assert.is(swap(V2, 1000), 'memory.swap.max 0 (ENOENT)')
  assert.is(swap(V1, 1000), 'memory.memsw.limit_in_bytes 1000 (ENOENT)')
  assert.is(swap(V2, 1001), 'memory.swap.max 1')
  assert.is(swap(V1, 1001), 'memory.memsw.limit_in_bytes 1001')
})

test('an idle cgroup gets no weight, and its weight back when it no longer is', () => {
  for (const [host, weight] of [
    [V1, 'cpu.shares 512'],
    [V2, 'cpu.weight 59'],
  ] as const) {
    const idle = { cpu: { shares: 512, idle: 1 } }
    assert.equal(limits(compileCgroup(host, '/pod/c1', idle)), ['cpu.idle 1'])
    assert.equal(limits({ writes: compileUpdate(host, '/pod/c1', idle, { cpu: { idle: 0 } }) }), ['cpu.idle 0', weight])
    assert.equal(limits({ writes: compileUpdate(host, '/pod/c1', idle, { cpu: { shares: 2 } }) }), [])
  }
})

test('what a host cannot honour is refused with field, value and expectation', () => {
  const refused = (host: CgroupHost, resources: OciResources, message: RegExp) =>
    assert.throws(() => compileCgroup(host, '/pod/c1', resources), message)
  refused(V1, { cpu: { shares: 1 } }, /set cgroup limit "linux.resources.cpu.shares": is 1, expected 2 to 262144/)
  refused(
    V1,
    { unified: { 'memory.high': '1' } },
    /"linux.resources.unified.memory.high": is "1", expected unset on cgroup v1/,
  )
  refused(V2, { memory: { swappiness: 5 } }, /memory.swappiness": is 5, expected unset on cgroup v2/)
  refused(V2, { cpu: { realtimeRuntime: 5 } }, /cpu.realtimeRuntime/)
  refused(V2, { memory: { disableOOMKiller: true } }, /memory.disableOOMKiller/)
  refused(V2, { memory: { kernelTCP: 5 } }, /memory.kernelTCP": is 5, expected unset on cgroup v2/)
  refused(V2, { memory: { useHierarchy: false } }, /memory.useHierarchy": is false, expected true or unset/)
  const leaf = [{ major: 8, minor: 0, leafWeight: 10 }]
  refused(V2, { blockIO: { leafWeight: 10 } }, /blockIO.leafWeight": is 10, expected unset on cgroup v2/)
  refused(V2, { blockIO: { weightDevice: leaf } }, /blockIO.weightDevice.leafWeight": is 10/)
  refused(V2, { cpu: { realtimePeriod: 5 } }, /cpu.realtimePeriod": is 5, expected unset on cgroup v2/)
  refused(V2, { network: { priorities: [{ name: 'eth0', priority: 1 }] } }, /network.priorities/)
  refused(V2, { network: { classID: 1 } }, /network.classID/)
  refused(V2, { unified: { '../memory.max': '1' } }, /the name of a cgroup v2 file/)
  refused(
    V2,
    { unified: { 'misc.max': '1' } },
    /unified.misc.max": is "1", expected unset, for this host has no misc controller/,
  )
  refused(V1, { network: { classID: 1 } }, /no net_cls controller/)
  refused(V1, { hugepageLimits: [{ pageSize: '2MB', limit: 1 }] }, /no hugetlb controller/)
  refused(V2, { hugepageLimits: [{ pageSize: '../x', limit: 1 }] }, /hugepageLimits.pageSize": is "..\/x"/)
  refused(V2, { rdma: { mlx: { hcaHandles: 1 } } }, /no rdma controller/)
  for (const host of [V1, V2]) {
    refused(host, { cpu: { cpus: '0;1' } }, /cpu.cpus": is "0;1", expected a list such as 0-3,7/)
    refused(host, { cpu: { idle: 2 } }, /cpu.idle": is 2, expected 0 to 1/)
    refused(host, { cpu: { quota: 1000, burst: 2000 } }, /cpu.burst": is 2000, expected at most cpu.quota \(1000\)/)
    refused(host, { memory: { limit: 1.5 } }, /memory.limit": is 1.5, expected an integer/)
    refused(host, { memory: { limit: 10, swap: 5 } }, /memory.swap": is 5, expected at least memory.limit \(10\)/)
    refused(host, { memory: { swap: 5 } }, /memory.swap": is 5, expected unset where memory.limit is unset/)
    refused(host, { blockIO: { weight: 5 } }, /blockIO.weight": is 5, expected 10 to 1000/)
  }
})

test('huge pages without their controller are a warning where that is asked for', () => {
  const resources = { hugepageLimits: [{ pageSize: '2MB', limit: 1 }] }
  for (const host of [V1, { ...V2, controllers: ['cpu'] }]) {
    const plan = compileCgroup(host, '/pod/c1', resources, { tolerateMissingHugetlb: true })
    assert.equal(plan.warnings, ['hugepageLimits ignored: this host has no hugetlb controller'])
  }
})

test('a limit of the kernel’s own memory, which Linux no longer has, is a warning', () => {
  for (const host of [V1, V2]) {
    const plan = compileCgroup(host, '/pod/c1', { memory: { kernel: 5 } })
    const text = 'memory.kernel ignored: Linux no longer limits the memory of the kernel by itself'
    assert.equal([plan.writes.filter((write) => JSON.stringify(write).includes('kmem')), plan.warnings], [[], [text]])
  }
})

test('a cgroups path cannot leave the cgroup root', () => {
  for (const path of ['', '/', '//', '/a/../b', '..', './a', '/a\n0::/b', `/${'a'.repeat(5000)}`]) {
    assert.throws(() => compileCgroup(V2, path, {}), /^GantryError: place cgroup|place cgroup/, JSON.stringify(path))
  }
})

test('an update touches only what it names, and merges into what is in force', () => {
  const change = { cpu: { quota: 10_000 }, memory: { limit: 2000 } }
  assert.equal(limits({ writes: compileUpdate(V2, '/pod/c1', EVERYTHING, change) }), [
    'cpu.max 10000 200000',
    'memory.max 2000',
  ])
  const merged = mergeResources(EVERYTHING, { ...change, cpu: { quota: 0, shares: 2, cpus: '' } })
  assert.equal(merged.cpu, { ...EVERYTHING.cpu, shares: 2 })
  assert.equal(merged.memory, { ...EVERYTHING.memory, limit: 2000 })
  assert.equal(merged.pids, { limit: 10 })
})

test('an update of device rules, and one below the memory in use, are refused', () => {
  assert.throws(
    () => compileUpdate(V2, '/p', {}, { devices: [{ allow: true }] }),
    /update cgroup "linux.resources.devices"/,
  )
  const change = { memory: { limit: 500, checkBeforeUpdate: true } }
  assert.throws(
    () => compileUpdate(V2, '/p', {}, change, { memoryUsage: 501 }),
    /500 bytes are less than the 501 in use/,
  )
  assert.ok(compileUpdate(V2, '/p', {}, change, { memoryUsage: 499 }))
})

/** The rules of v1 memory files (mm/memcontrol-v1.c): memory ≤ memory+swap, always. */
function applyMemory(writes: readonly CgroupWrite[], state: { limit: number; total: number }): void {
  for (const { path, value } of writes) {
    const number = value === '-1' ? Number.POSITIVE_INFINITY : Number(value)
    if (path.endsWith('/memory.limit_in_bytes')) state.limit = number
    if (path.endsWith('/memory.memsw.limit_in_bytes')) state.total = number
    assert.ok(state.limit <= state.total, `EINVAL at ${path} ${value}`)
  }
}

test('every step of every change of memory and swap is one the v1 kernel accepts', () => {
  const pairs = [100, 200, 300, -1].flatMap((limit) => [100, 200, 300, 400, -1].map((swap) => ({ limit, swap })))
  const possible = pairs.filter(({ limit, swap }) => swap === -1 || (limit !== -1 && limit <= swap))
  assert.is(possible.length, 13)
  const size = (value: number) => (value === -1 ? Number.POSITIVE_INFINITY : value)
  for (const from of possible) {
    for (const to of possible) {
      const state = { limit: Number.POSITIVE_INFINITY, total: Number.POSITIVE_INFINITY }
      applyMemory(compileCgroup(V1, '/p', { memory: from }).writes, state)
      applyMemory(compileUpdate(V1, '/p', { memory: from }, { memory: to }), state)
      assert.equal(state, { limit: size(to.limit), total: size(to.swap) })
    }
  }
})

test('a v1 memory limit alone cannot be raised above memory and swap', () => {
  assert.throws(
    () => compileUpdate(V1, '/p', { memory: { limit: 100, swap: 100 } }, { memory: { limit: 200 } }),
    /memory.limit": is 200, expected at most memory.swap \(100\), or both set/,
  )
})

/** kernel/sched/core.c tg_set_cfs_bandwidth: burst ≤ quota, and the share never above the parent's. */
function applyBandwidth(writes: readonly CgroupWrite[], state: Bandwidth, parentShare: number): void {
  for (const { path, value } of writes) {
    if (path.endsWith('cfs_quota_us')) state.quota = Number(value)
    if (path.endsWith('cfs_period_us')) state.period = Number(value)
    if (path.endsWith('cfs_burst_us')) state.burst = Number(value)
    if (state.quota < 0) continue
    assert.ok(state.quota / state.period <= parentShare, `EINVAL (parent) at ${path} ${value}`)
    assert.ok(state.burst <= state.quota, `EINVAL (burst) at ${path} ${value}`)
  }
}

interface Bandwidth {
  quota: number
  period: number
  burst: number
}

test('every step of every change of quota, period and burst is one the v1 kernel accepts', () => {
  const values: Bandwidth[] = [-1, 10_000, 50_000, 100_000].flatMap((quota) =>
    [50_000, 100_000, 200_000].flatMap((period) => [0, 10_000, 50_000].map((burst) => ({ quota, period, burst }))),
  )
  const possible = values.filter(({ quota, burst }) => quota < 0 || burst <= quota)
  const share = ({ quota, period }: Bandwidth) => (quota < 0 ? 0 : quota / period)
  for (const from of possible) {
    for (const to of possible) {
      const state = { quota: -1, period: 100_000, burst: 0 }
      const parent = Math.max(share(from), share(to))
      applyBandwidth(compileCgroup(V1, '/p', { cpu: from }).writes, state, parent)
      applyBandwidth(compileUpdate(V1, '/p', { cpu: from }, { cpu: to }), state, parent)
      assert.equal(state, to)
    }
  }
})

test('an errno that misleads comes with a hint', () => {
  assert.match(cgroupWriteHint('/cg/pod/cgroup.subtree_control', 'EBUSY') ?? '', /\/cg\/pod has processes of its own/)
  assert.match(cgroupWriteHint('/cg/pod/cgroup.subtree_control', 'EOPNOTSUPP') ?? '', /threaded/)
  assert.match(cgroupWriteHint('/cg/a/memory.max', 'ENOENT') ?? '', /no memory.max/)
  assert.is(cgroupWriteHint('/cg/a/memory.max', 'EIO'), undefined)
})

test('every errno a write ignores exists, and there are at most two', () => {
  for (const host of [V1, V2, HYBRID]) {
    for (const { ignore = [] } of compileCgroup(host, '/pod/c1', { ...EVERYTHING, memory: { limit: -1 } }).writes) {
      assert.ok(ignore.length <= 2)
      for (const name of ignore) assert.ok(errnoNumber(name) > 0)
    }
  }
})

test.run()
