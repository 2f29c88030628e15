// SPDX-License-Identifier: Apache-2.0
import type { MemoryStats } from '../../runtime-core/cgroup/stats.ts'
import type { Family, Row } from './family.ts'

/** Memory, swap, huge pages, and the OOM killer. */
export const memoryFamilies: readonly Family[] = [
  gauge('container_memory_usage_bytes', 'Current memory usage in bytes, whenever it was accessed.', (m) => m.usage),
  gauge('container_memory_working_set_bytes', 'Current working set in bytes.', (m) => m.workingSet),
  gauge('container_memory_rss', 'Size of RSS in bytes.', (m) => m.rss),
  gauge('container_memory_cache', 'Number of bytes of page cache memory.', (m) => m.cache),
  gauge('container_memory_mapped_file', 'Size of memory mapped files in bytes.', (m) =>
    first(m, 'total_mapped_file', 'file_mapped'),
  ),
  gauge('container_memory_swap', 'Container swap usage in bytes.', (m) => m.swap?.usage),
  gauge('container_memory_max_usage_bytes', 'Maximum memory usage recorded in bytes.', (m) => m.peak),
  gauge('container_memory_total_active_file_bytes', 'Current total active file in bytes.', (m) =>
    first(m, 'total_active_file', 'active_file'),
  ),
  gauge('container_memory_total_inactive_file_bytes', 'Current total inactive file in bytes.', (m) =>
    first(m, 'total_inactive_file', 'inactive_file'),
  ),
  {
    name: 'container_memory_kernel_usage',
    help: 'Size of kernel memory allocated in bytes.',
    type: 'gauge',
    read: ({ extras, stats }) => [[extras?.kernelBytes ?? stats?.memory?.raw.get('kernel')]],
  },
  {
    name: 'container_memory_failcnt',
    help: 'Number of memory usage hits limits.',
    type: 'counter',
    read: ({ extras }) => [[extras?.limitHits]],
  },
  {
    name: 'container_memory_failures_total',
    help: 'Cumulative count of memory allocation failures.',
    type: 'counter',
    labels: ['failure_type', 'scope'],
    read: ({ stats }) => (stats?.memory === undefined ? [] : failures(stats.memory)),
  },
  {
    name: 'container_oom_events_total',
    help: 'Count of out of memory events observed for the container.',
    type: 'counter',
    read: ({ stats }) => [[stats?.memory?.oomKills]],
  },
  {
    name: 'container_hugetlb_usage_bytes',
    help: 'Current hugepage usage.',
    type: 'gauge',
    labels: ['pagesize'],
    read: ({ extras }) => (extras?.hugetlb ?? []).map(({ pageSize, usage }) => [usage, pageSize]),
  },
  {
    name: 'container_hugetlb_max_usage_bytes',
    help: 'Maximum hugepage usages recorded.',
    type: 'gauge',
    labels: ['pagesize'],
    read: ({ extras }) => (extras?.hugetlb ?? []).map(({ pageSize, max }) => [max, pageSize]),
  },
]

function gauge(name: string, help: string, value: (memory: MemoryStats) => number | undefined): Family {
  return { name, help, type: 'gauge', read: ({ stats }) => [[stats?.memory && value(stats.memory)]] }
}

/** memory.stat has other names in v1, where those with `total_` are of the cgroup and all below it. */
function first({ raw }: MemoryStats, ...names: readonly string[]): number | undefined {
  return raw.get(names.find((name) => raw.has(name)) ?? '')
}

function failures({ raw, pageFaults, majorPageFaults }: MemoryStats): Row[] {
  return [
    [raw.get('pgfault') ?? pageFaults, 'pgfault', 'container'],
    [raw.get('pgmajfault') ?? majorPageFaults, 'pgmajfault', 'container'],
    [pageFaults, 'pgfault', 'hierarchy'],
    [majorPageFaults, 'pgmajfault', 'hierarchy'],
  ]
}
