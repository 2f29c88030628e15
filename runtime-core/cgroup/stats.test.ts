// SPDX-License-Identifier: Apache-2.0

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CgroupHost } from './detect.ts'
import { readV1Stats } from './stats-v1.ts'
import { readV2Stats } from './stats-v2.ts'

const V2: Record<string, string> = {
  '/c/cpu.stat':
    'usage_usec 9007199254740\nuser_usec 2000\nsystem_usec 1000\nnr_periods 7\nnr_throttled 3\nthrottled_usec 50\n',
  '/c/cpu.pressure':
    'some avg10=1.50 avg60=0.25 avg300=0.00 total=12\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=5\n',
  '/c/memory.current': '1000000\n',
  '/c/memory.stat': 'anon 300000\nfile 600000\ninactive_file 400000\npgfault 12\npgmajfault 3\n',
  '/c/memory.max': '2000000\n',
  '/c/memory.swap.current': '5\n',
  '/c/memory.swap.max': 'max\n',
  '/c/memory.events': 'low 0\noom 2\noom_kill 1\noom_group_kill 0\n',
  '/c/pids.current': '4\n',
  '/c/pids.max': 'max\n',
  '/c/io.stat':
    '8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n254:0 \n253:1 rbytes=5 wbytes=0 rios=1 wios=0\n',
}
const reader = (files: Record<string, string>) => async (path: string) => files[path]

test('figures of v2 come in nanoseconds and bytes', async () => {
  const stats = await readV2Stats('/c', reader(V2))
  const line = (avg10: number, avg60: number, totalNs: bigint) => ({ avg10, avg60, avg300: 0, totalNs })
  assert.equal(stats?.cpu, {
    usageNs: 9_007_199_254_740_000n,
    userNs: 2_000_000n,
    systemNs: 1_000_000n,
    periods: 7,
    throttledPeriods: 3,
    throttledNs: 50_000n,
    pressure: { some: line(1.5, 0.25, 12_000n), full: line(0, 0, 5000n) },
  })
  const { raw, ...memory } = stats?.memory ?? { raw: new Map() }
  assert.equal(memory, {
    usage: 1_000_000,
    workingSet: 600_000,
    rss: 300_000,
    cache: 600_000,
    limit: 2_000_000,
    available: 1_400_000,
    pageFaults: 12,
    majorPageFaults: 3,
    oomKills: 1,
    swap: { usage: 5 },
  })
  assert.is(raw.get('inactive_file'), 400_000)
  assert.equal(stats?.pids, { current: 4 })
  assert.equal(stats?.io?.devices, [
    { major: 8, minor: 0, readBytes: 10, writeBytes: 20, readOperations: 1, writeOperations: 2 },
    { major: 253, minor: 1, readBytes: 5, writeBytes: 0, readOperations: 1, writeOperations: 0 },
  ])
})

test('a controller that is not there leaves its part out, a cgroup that is not there everything', async () => {
  const only = await readV2Stats('/c', reader({ '/c/cpu.stat': 'usage_usec 5\n' }))
  assert.equal(Object.keys(only ?? {}), ['cpu'])
  assert.is(await readV2Stats('/gone', reader(V2)), undefined)
})

const host: CgroupHost = {
  mode: 'hybrid',
  unifiedMount: '/u',
  v1: new Map(['cpu', 'cpuacct', 'memory', 'pids', 'blkio'].map((name) => [name, `/${name}`])),
  controllers: [],
  self: new Map(),
}
const V1: Record<string, string> = {
  '/cpuacct/c/cpuacct.usage': '123456789\n',
  '/cpuacct/c/cpuacct.stat': 'user 3\nsystem 2\n',
  '/cpu/c/cpu.stat': 'nr_periods 1\nnr_throttled 1\nthrottled_time 99\n',
  '/u/c/memory.pressure': 'some avg10=0.00 avg60=0.00 avg300=7.00 total=1\n',
  '/memory/c/memory.usage_in_bytes': '1000\n',
  '/memory/c/memory.limit_in_bytes': '9223372036854771712\n',
  '/memory/c/memory.max_usage_in_bytes': '5000\n',
  '/memory/c/memory.memsw.usage_in_bytes': '1500\n',
  '/memory/c/memory.memsw.limit_in_bytes': '9223372036854771712\n',
  '/memory/c/memory.stat':
    'total_rss 100\ntotal_cache 900\ntotal_inactive_file 2000\ntotal_pgfault 8\ntotal_pgmajfault 1\n',
  '/memory/c/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 4\n',
  '/pids/c/pids.current': '2\n',
  '/pids/c/pids.max': '10\n',
  '/blkio/c/blkio.throttle.io_service_bytes_recursive': '8:0 Read 10\n8:0 Write 20\n8:0 Sync 30\nTotal 30\n',
  '/blkio/c/blkio.throttle.io_serviced_recursive': '8:0 Read 1\n8:0 Write 2\nTotal 3\n',
}

test('figures of v1 come in the same shape', async () => {
  const stats = await readV1Stats(host, '/c', reader(V1))
  assert.equal(stats?.cpu, {
    usageNs: 123_456_789n,
    userNs: 30_000_000n,
    systemNs: 20_000_000n,
    periods: 1,
    throttledPeriods: 1,
    throttledNs: 99n,
  })
  const { raw: _, ...memory } = stats?.memory ?? { raw: new Map() }
  assert.equal(memory, {
    usage: 1000,
    workingSet: 0,
    rss: 100,
    cache: 900,
    available: 0,
    pageFaults: 8,
    majorPageFaults: 1,
    peak: 5000,
    oomKills: 4,
    swap: { usage: 500 },
    pressure: { some: { avg10: 0, avg60: 0, avg300: 7, totalNs: 1000n } },
  })
  assert.equal(stats?.pids, { current: 2, limit: 10 })
  assert.equal(stats?.io?.devices, [
    { major: 8, minor: 0, readBytes: 10, writeBytes: 20, readOperations: 1, writeOperations: 2 },
  ])
})

test.run()
