// SPDX-License-Identifier: Apache-2.0
import type { Pressure } from '../../runtime-core/cgroup/stats.ts'
import { diskFamilies, networkFamilies } from './families-io.ts'
import { memoryFamilies } from './families-memory.ts'
import { processFamilies } from './families-process.ts'
import { type Family, type Figures, seconds } from './family.ts'

/** Processor families. */
const cpuFamilies: readonly Family[] = [
  {
    name: 'container_cpu_usage_seconds_total',
    help: 'Cumulative CPU time consumed in seconds.',
    type: 'counter',
    labels: ['cpu'],
    read: ({ stats }) => [[seconds(stats?.cpu?.usageNs), 'total']],
  },
  {
    name: 'container_cpu_user_seconds_total',
    help: 'Cumulative user CPU time consumed in seconds.',
    type: 'counter',
    read: ({ stats }) => [[seconds(stats?.cpu?.userNs)]],
  },
  {
    name: 'container_cpu_system_seconds_total',
    help: 'Cumulative system CPU time consumed in seconds.',
    type: 'counter',
    read: ({ stats }) => [[seconds(stats?.cpu?.systemNs)]],
  },
  {
    name: 'container_cpu_cfs_periods_total',
    help: 'Number of elapsed enforcement period intervals.',
    type: 'counter',
    // As cAdvisor: without a quota there are no periods, and a ratio of zeros would only be noise.
    read: ({ stats, resources }) => [[hasQuota(resources?.cpu?.quota) ? stats?.cpu?.periods : undefined]],
  },
  {
    name: 'container_cpu_cfs_throttled_periods_total',
    help: 'Number of throttled period intervals.',
    type: 'counter',
    read: ({ stats, resources }) => [[hasQuota(resources?.cpu?.quota) ? stats?.cpu?.throttledPeriods : undefined]],
  },
  {
    name: 'container_cpu_cfs_throttled_seconds_total',
    help: 'Total time duration the container has been throttled.',
    type: 'counter',
    read: ({ stats, resources }) => [[hasQuota(resources?.cpu?.quota) ? seconds(stats?.cpu?.throttledNs) : undefined]],
  },
]

/** Pressure families: "waiting" is PSI's some, "stalled" its full. */
const pressureFamilies: readonly Family[] = (
  [
    ['cpu', 'CPU', ({ stats }) => stats?.cpu?.pressure],
    ['memory', 'memory', ({ stats }) => stats?.memory?.pressure],
    ['io', 'IO', ({ stats }) => stats?.io?.pressure],
  ] as const satisfies readonly PressureRow[]
).flatMap(([name, word, pressureOf]): Family[] => [
  {
    name: `container_pressure_${name}_waiting_seconds_total`,
    help: `Total time duration tasks in the container have waited due to ${word} congestion.`,
    type: 'counter',
    read: (figures) => [[seconds(pressureOf(figures)?.some.totalNs)]],
  },
  {
    name: `container_pressure_${name}_stalled_seconds_total`,
    help: `Total time duration no tasks in the container could make progress due to ${word} congestion.`,
    type: 'counter',
    read: (figures) => [[seconds(pressureOf(figures)?.full?.totalNs)]],
  },
])

type PressureRow = readonly [name: string, word: string, pressureOf: (figures: Figures) => Pressure | undefined]

/** What the kernel gives a cgroup for which nothing was asked; the period in microseconds. */
const KERNEL_CPU_PERIOD = 100_000
const KERNEL_CPU_SHARES = 1024

/** What was asked for, and when it began. */
const specFamilies: readonly Family[] = [
  {
    name: 'container_spec_cpu_period',
    help: 'CPU period of the container.',
    type: 'gauge',
    read: ({ resources }) => [[resources && (resources.cpu?.period ?? KERNEL_CPU_PERIOD)]],
  },
  {
    name: 'container_spec_cpu_quota',
    help: 'CPU quota of the container.',
    type: 'gauge',
    read: ({ resources }) => [[hasQuota(resources?.cpu?.quota) ? resources?.cpu?.quota : undefined]],
  },
  {
    name: 'container_spec_cpu_shares',
    help: 'CPU share of the container.',
    type: 'gauge',
    read: ({ resources }) => [[resources && (resources.cpu?.shares ?? KERNEL_CPU_SHARES)]],
  },
  {
    name: 'container_spec_memory_limit_bytes',
    help: 'Memory limit for the container; 0 when there is none.',
    type: 'gauge',
    read: ({ resources }) => [[resources && limit(resources.memory?.limit)]],
  },
  {
    name: 'container_spec_memory_reservation_limit_bytes',
    help: 'Memory reservation limit for the container; 0 when there is none.',
    type: 'gauge',
    read: ({ resources }) => [[resources && limit(resources.memory?.reservation)]],
  },
  {
    name: 'container_spec_memory_swap_limit_bytes',
    help: 'Memory swap limit for the container, memory included; 0 when there is none.',
    type: 'gauge',
    read: ({ resources }) => [[resources && limit(resources.memory?.swap)]],
  },
  {
    name: 'container_start_time_seconds',
    help: 'Start time of the container since unix epoch in seconds.',
    type: 'gauge',
    read: ({ startedAtNs }) => [[seconds(startedAtNs)]],
  },
  {
    name: 'container_last_seen',
    help: 'Last time a container was seen by the exporter.',
    type: 'gauge',
    read: ({ stats, timestampNs }) => [[stats && seconds(timestampNs)]],
  },
]

/** Every family of ListMetricDescriptors, by the names that cAdvisor gave them (facts: peers §4). */
export const FAMILIES: readonly Family[] = [
  ...cpuFamilies,
  ...memoryFamilies,
  ...networkFamilies,
  ...diskFamilies,
  ...processFamilies,
  ...specFamilies,
  ...pressureFamilies,
]

function hasQuota(quota: number | undefined): boolean {
  return quota !== undefined && quota > 0
}

/** Unset and "unlimited" are both 0, as in cAdvisor. */
function limit(value: number | undefined): number {
  return value === undefined || value < 0 ? 0 : value
}
