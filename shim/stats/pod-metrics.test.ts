// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MetricType } from '../../cri-proto/index.ts'
import { FAMILIES } from './cadvisor-names.ts'
import { BASE_LABELS, type Figures } from './family.ts'
import { series } from './pod-metrics.ts'

/** What containerd and CRI-O both declare, and what either of them has beyond that (facts: peers §4). */
const PEERS = `blkio_device_usage_total cpu_cfs_periods_total cpu_cfs_throttled_periods_total
  cpu_cfs_throttled_seconds_total cpu_system_seconds_total cpu_usage_seconds_total cpu_user_seconds_total
  file_descriptors fs_inodes_free fs_inodes_total fs_limit_bytes fs_reads_bytes_total fs_reads_total fs_usage_bytes
  fs_writes_bytes_total fs_writes_total last_seen memory_cache memory_failcnt memory_failures_total
  memory_kernel_usage memory_mapped_file memory_max_usage_bytes memory_rss memory_swap memory_usage_bytes
  memory_working_set_bytes network_receive_bytes_total network_receive_packets_total
  network_receive_packets_dropped_total network_receive_errors_total network_transmit_bytes_total
  network_transmit_packets_total network_transmit_packets_dropped_total network_transmit_errors_total
  oom_events_total processes sockets spec_cpu_period spec_cpu_shares spec_memory_limit_bytes
  spec_memory_reservation_limit_bytes spec_memory_swap_limit_bytes start_time_seconds threads threads_max ulimits_soft
  memory_total_active_file_bytes memory_total_inactive_file_bytes
  hugetlb_usage_bytes hugetlb_max_usage_bytes spec_cpu_quota pressure_cpu_stalled_seconds_total
  pressure_cpu_waiting_seconds_total pressure_memory_stalled_seconds_total pressure_memory_waiting_seconds_total
  pressure_io_stalled_seconds_total pressure_io_waiting_seconds_total`

test('every name that the peers have is there, and no other', () => {
  const peers = PEERS.split(/\s+/).map((name) => `container_${name}`)
  assert.equal(FAMILIES.map(({ name }) => name).sort(), peers.sort())
})

const line = { avg10: 0, avg60: 0, avg300: 0, totalNs: 3_900_000_000n }
const FIGURES: Figures = {
  timestampNs: 20_000_000_000n,
  startedAtNs: 5_500_000_000n,
  stats: {
    cpu: {
      usageNs: 7_999_999_999n,
      userNs: 5_000_000_000n,
      systemNs: 2_000_000_000n,
      periods: 10,
      throttledPeriods: 4,
      throttledNs: 1_000_000_000n,
      pressure: { some: line },
    },
    memory: {
      usage: 1000,
      workingSet: 600,
      rss: 300,
      cache: 400,
      available: 0,
      pageFaults: 12,
      majorPageFaults: 3,
      oomKills: 1,
      swap: { usage: 9 },
      raw: new Map([
        ['file_mapped', 33],
        ['kernel', 44],
      ]),
    },
    pids: { current: 6 },
    io: { devices: [{ major: 8, minor: 0, readBytes: 1, writeBytes: 2, readOperations: 3, writeOperations: 4 }] },
  },
  extras: { limitHits: 2, hugetlb: [{ pageSize: '2MB', usage: 0 }] },
  resources: { cpu: { quota: 50_000, period: 100_000 }, memory: { limit: -1 } },
  processes: { processes: 5 },
  deviceName: (major, minor) => `/dev/${major}-${minor}`,
}

/** Value and own labels of each series of a family. */
function rows(figures: Figures, name: string) {
  return series(figures, ['c', 'id', 'image', 'n', 'ns', 'p'])
    .filter((metric) => metric.name === name)
    .map(({ value, labelValues }) => [value?.value, ...labelValues.slice(BASE_LABELS.length)])
}

test('times are whole seconds, and series carry their own labels after the common ones', () => {
  assert.equal(rows(FIGURES, 'container_cpu_usage_seconds_total'), [[7n, 'total']])
  assert.equal(rows(FIGURES, 'container_start_time_seconds'), [[5n]])
  assert.equal(rows(FIGURES, 'container_pressure_cpu_waiting_seconds_total'), [[3n]])
  assert.equal(rows(FIGURES, 'container_blkio_device_usage_total'), [
    [1n, '/dev/8-0', '8', '0', 'Read'],
    [2n, '/dev/8-0', '8', '0', 'Write'],
  ])
  assert.equal(rows(FIGURES, 'container_memory_failures_total'), [
    [12n, 'pgfault', 'container'],
    [3n, 'pgmajfault', 'container'],
    [12n, 'pgfault', 'hierarchy'],
    [3n, 'pgmajfault', 'hierarchy'],
  ])
  const first = series(FIGURES, ['c', 'id', 'image', 'n', 'ns', 'p'])[0]
  assert.equal([first?.timestamp, first?.metricType], [20_000_000_000n, MetricType.COUNTER])
})

test('what the kernel does not tell is no series', () => {
  for (const absent of [
    'container_pressure_cpu_stalled_seconds_total',
    'container_fs_usage_bytes',
    'container_network_receive_bytes_total',
    'container_file_descriptors',
    'container_memory_max_usage_bytes',
    'container_hugetlb_max_usage_bytes',
  ]) {
    assert.equal(rows(FIGURES, absent), [], absent)
  }
})

test('quota figures are there only with a quota, and no limit is 0', () => {
  assert.equal(rows(FIGURES, 'container_cpu_cfs_throttled_periods_total'), [[4n]])
  const without = { ...FIGURES, resources: {} }
  assert.equal(rows(without, 'container_cpu_cfs_throttled_periods_total'), [])
  assert.equal(rows(without, 'container_spec_cpu_quota'), [])
  assert.equal(rows(FIGURES, 'container_spec_memory_limit_bytes'), [[0n]])
  assert.equal(rows(FIGURES, 'container_threads_max'), [[0n]])
})

test.run()
