// SPDX-License-Identifier: Apache-2.0
import type { Family } from './family.ts'

/** Processes and what they hold. */
export const processFamilies: readonly Family[] = [
  {
    name: 'container_processes',
    help: 'Number of processes running inside the container.',
    type: 'gauge',
    read: ({ processes }) => [[processes?.processes]],
  },
  {
    name: 'container_threads',
    help: 'Number of threads running inside the container.',
    type: 'gauge',
    read: ({ stats, processes }) => [[processes && stats?.pids?.current]],
  },
  {
    name: 'container_threads_max',
    help: 'Maximum number of threads allowed inside the container, infinity if value is zero.',
    type: 'gauge',
    read: ({ stats, processes }) => [[processes && stats?.pids && (stats.pids.limit ?? 0)]],
  },
  {
    name: 'container_file_descriptors',
    help: 'Number of open file descriptors for the container.',
    type: 'gauge',
    read: ({ processes }) => [[processes?.descriptors]],
  },
  {
    name: 'container_sockets',
    help: 'Number of open sockets for the container.',
    type: 'gauge',
    read: ({ processes }) => [[processes?.sockets]],
  },
  {
    name: 'container_ulimits_soft',
    help: 'Soft ulimit values for the container root process. Unlimited if -1, except priority and nice.',
    type: 'gauge',
    labels: ['ulimit'],
    read: ({ processes }) => [[processes?.maxOpenFiles, 'max_open_files']],
  },
]
