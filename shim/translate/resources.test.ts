// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LinuxContainerResources } from '../../cri-proto/index.ts'
import type { OciResources } from '../../runtime-core/spec/types.ts'
import { criResources } from './cri-resources.ts'
import { refused } from './refused.ts'
import { ociResources, oomScoreAdj, type ResourceFacts } from './resources.ts'
import { updatedResources } from './update-resources.ts'

type Fields = Parameters<typeof LinuxContainerResources.fromPartial>[0]
const cri = (fields: Fields) => LinuxContainerResources.fromPartial(fields)
const HOST: ResourceFacts = { cgroupVersion: 2, hugetlb: true, swapController: true }
const oci = (fields: Fields, over: Partial<ResourceFacts> = {}) => ociResources(cri(fields), { ...HOST, ...over })
const MIB = 1024n * 1024n

test('nothing asked, or zeros, set nothing', () => {
  assert.equal(ociResources(undefined, HOST), {})
  assert.equal(oci({}), {})
})

const CASES: readonly [string, Fields, OciResources][] = [
  [
    'cpu',
    { cpuPeriod: 100000n, cpuQuota: 20000n, cpuShares: 512n },
    { cpu: { period: 100000, quota: 20000, shares: 512 } },
  ],
  ['no quota', { cpuQuota: -1n }, { cpu: { quota: -1 } }],
  ['shares beyond what the kernel takes', { cpuShares: 2n ** 62n }, { cpu: { shares: 262144 } }],
  ['cpu sets', { cpusetCpus: '0-3,8', cpusetMems: '0' }, { cpu: { cpus: '0-3,8', mems: '0' } }],
  ['a memory limit forbids swap', { memoryLimitInBytes: 64n * MIB }, { memory: { limit: 67108864, swap: 67108864 } }],
  [
    'a swap limit of its own',
    { memoryLimitInBytes: MIB, memorySwapLimitInBytes: 2n * MIB },
    { memory: { limit: 1048576, swap: 2097152 } },
  ],
  [
    'unlimited swap',
    { memoryLimitInBytes: MIB, memorySwapLimitInBytes: -1n },
    { memory: { limit: 1048576, swap: -1 } },
  ],
  ['unlimited memory', { memoryLimitInBytes: -1n }, { memory: { limit: -1, swap: -1 } }],
  ['a limit beyond 8 PiB is none', { memoryLimitInBytes: 2n ** 63n - 1n }, { memory: { limit: -1, swap: -1 } }],
  [
    'huge pages',
    {
      hugepageLimits: [
        { pageSize: '2MB', limit: 4n * MIB },
        { pageSize: '1GB', limit: 0n },
      ],
    },
    {
      hugepageLimits: [
        { pageSize: '2MB', limit: 4194304 },
        { pageSize: '1GB', limit: 0 },
      ],
    },
  ],
  [
    'files of cgroup v2',
    { unified: { 'memory.oom.group': '1', 'io.bfq.weight': '10' } },
    { unified: { 'memory.oom.group': '1', 'io.bfq.weight': '10' } },
  ],
]
for (const [title, fields, expected] of CASES) test(`limits: ${title}`, () => assert.equal(oci(fields), expected))

test('without a swap controller swap is not limited', () => {
  assert.equal(oci({ memoryLimitInBytes: MIB, memorySwapLimitInBytes: MIB }, { swapController: false }), {
    memory: { limit: 1048576 },
  })
})

test('without a hugetlb controller limits on huge pages are left out', () => {
  assert.equal(oci({ hugepageLimits: [{ pageSize: '2MB', limit: 1n }] }, { hugetlb: false }), {})
})

test('files of cgroup v2 on another node are refused', () => {
  for (const cgroupVersion of [1, 'hybrid'] as const) {
    assert.equal(oci({ unified: {} }, { cgroupVersion }), {})
    refused(
      () => oci({ unified: { 'memory.high': '1' } }, { cgroupVersion }),
      'failed_precondition',
      'unified',
      'memory.high',
    )
  }
})

const REFUSED: readonly [string, Fields, ...string[]][] = [
  ['a period below 1 ms', { cpuPeriod: 999n }, 'cpu_period', '999'],
  ['a period above 1 s', { cpuPeriod: 1000001n }, 'cpu_period'],
  ['a quota below 1 ms', { cpuQuota: 10n }, 'cpu_quota', '10'],
  ['a negative quota', { cpuQuota: -2n }, 'cpu_quota', '-2'],
  ['negative shares', { cpuShares: -1n }, 'cpu_shares'],
  ['cpus that are no list', { cpusetCpus: '0-' }, 'cpuset_cpus', '"0-"'],
  ['cpus with a second line', { cpusetCpus: '0\n1' }, 'cpuset_cpus'],
  ['nodes that are no list', { cpusetMems: 'all' }, 'cpuset_mems', '"all"'],
  ['a memory limit below -1', { memoryLimitInBytes: -2n }, 'memory_limit_in_bytes', '-2'],
  [
    'a swap limit below the memory limit',
    { memoryLimitInBytes: MIB, memorySwapLimitInBytes: 1n },
    'memory_swap_limit_in_bytes',
  ],
  ['a swap limit without a memory limit', { memorySwapLimitInBytes: MIB }, 'memory_swap_limit_in_bytes'],
  [
    'a page size that is none',
    { hugepageLimits: [{ pageSize: '2 MB', limit: 1n }] },
    'hugepage_limits.page_size',
    '"2 MB"',
  ],
  ['a file outside of the cgroup', { unified: { '../memory.max': '1' } }, 'unified', '"../memory.max"'],
  ['a file that is none', { unified: { cgroup: '1' } }, 'unified', '"cgroup"'],
]
for (const [title, fields, ...fragments] of REFUSED) {
  test(`refused: ${title}`, () =>
    refused(() => oci(fields), 'invalid_argument', 'config.linux.resources', ...fragments))
}

test('oom_score_adj 0 is a value; without resources it stays as it is', () => {
  assert.is(oomScoreAdj(undefined), 0)
  assert.is(oomScoreAdj(cri({})), 0)
  assert.is(oomScoreAdj(cri({ oomScoreAdj: -1000n })), -1000)
  for (const value of [-1001n, 1001n]) {
    refused(() => oomScoreAdj(cri({ oomScoreAdj: value })), 'invalid_argument', 'oom_score_adj', String(value))
  }
})

const FULL = cri({
  cpuPeriod: 100000n,
  cpuQuota: 50000n,
  cpuShares: 100n,
  memoryLimitInBytes: 10n * MIB,
  memorySwapLimitInBytes: 20n * MIB,
  oomScoreAdj: 100n,
  cpusetCpus: '0',
  cpusetMems: '0',
  hugepageLimits: [{ pageSize: '2MB', limit: 1n }],
  unified: { 'memory.high': '1' },
})

test('an update of nothing changes nothing', () => {
  assert.equal(updatedResources(FULL, cri({})), FULL)
  assert.equal(updatedResources(undefined, FULL), FULL)
})

test('an update changes what it names and nothing else', () => {
  const update = {
    cpuShares: 7n,
    cpusetCpus: '1',
    hugepageLimits: [{ pageSize: '1GB', limit: 2n }],
    unified: { 'pids.max': '9' },
  }
  assert.equal(updatedResources(FULL, cri(update)), {
    ...FULL,
    cpuShares: 7n,
    cpusetCpus: '1',
    hugepageLimits: [
      { pageSize: '2MB', limit: 1n },
      { pageSize: '1GB', limit: 2n },
    ],
    unified: { 'memory.high': '1', 'pids.max': '9' },
  })
})

test('a new memory limit alone takes the swap limit with it', () => {
  const updated = updatedResources(FULL, cri({ memoryLimitInBytes: 30n * MIB }))
  assert.equal(ociResources(updated, HOST).memory, { limit: 31457280, swap: 31457280 })
})

test('limits are reported as they were asked for', () => {
  const { oomScoreAdj: oom, ...limits } = FULL
  assert.equal(criResources(ociResources(FULL, HOST), Number(oom)), { ...limits, oomScoreAdj: 100n })
  assert.equal(criResources({}, undefined), cri({}))
})

test.run()
