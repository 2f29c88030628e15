// SPDX-License-Identifier: Apache-2.0

/** What one metric is. Labels are closed or capped sets; the collector that fills it says how. */
export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
  /** Upper bounds of a histogram's buckets, in the metric's unit. */
  readonly buckets?: readonly number[]
}

/** From a List answered out of memory (below 1 ms) to a stop that waits for its grace period. */
const RPC_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30, 120]
/** From a single system call to a plugin's deadline. */
const STAGE_SECONDS = [0.0002, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 120]
/** From a tiny image on loopback to tens of gigabytes from far away. */
const PULL_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800]

/** Every metric there is. Code, types and docs/metrics.md are derived from this table. */
export const METRICS = {
  gantry_build_info: {
    type: 'gauge',
    help: 'Always 1; the labels say what runs.',
    labels: ['version', 'revision', 'node_version', 'arch'],
  },
  gantry_cri_requests_total: {
    type: 'counter',
    help: 'CRI requests answered, by gRPC status. Every code but OK is an error.',
    labels: ['service', 'method', 'code'],
  },
  gantry_cri_request_duration_seconds: {
    type: 'histogram',
    help: 'Time from the arrival of a CRI request at its handler to its answer.',
    labels: ['service', 'method', 'code'],
    buckets: RPC_SECONDS,
  },
  gantry_cri_requests_in_flight: {
    type: 'gauge',
    help: 'CRI requests being worked on.',
    labels: ['service', 'method'],
  },
  gantry_sandboxes: { type: 'gauge', help: 'Pod sandboxes by state.', labels: ['state'] },
  gantry_containers: { type: 'gauge', help: 'Containers by state.', labels: ['state'] },
  gantry_container_exits_total: {
    type: 'counter',
    help: 'Containers that ended, by how: exit code 0, another code, or killed for memory.',
    labels: ['result'],
  },
  gantry_oom_kills_total: {
    type: 'counter',
    help: 'Times the kernel killed a process of a container for memory.',
    labels: [],
  },
  gantry_keepers: { type: 'gauge', help: 'Living keepers the daemon is connected to, one a pod.', labels: [] },
  gantry_keepers_lost_total: {
    type: 'counter',
    help: 'Keepers that went away without being told to, their containers with them.',
    labels: [],
  },
  gantry_image_pulls_total: {
    type: 'counter',
    help: 'Image pulls that ended, by outcome and, where they did not succeed, the reason.',
    labels: ['outcome', 'reason'],
  },
  gantry_image_pulls_in_progress: { type: 'gauge', help: 'Image pulls under way.', labels: [] },
  gantry_image_pull_duration_seconds: {
    type: 'histogram',
    help: 'Time of an image pull, download and unpacking together.',
    labels: ['outcome'],
    buckets: PULL_SECONDS,
  },
  gantry_image_pull_bytes_total: {
    type: 'counter',
    help: 'Bytes received from registries for images, as compressed there.',
    labels: [],
  },
  gantry_layer_unpack_duration_seconds: {
    type: 'histogram',
    help: 'Time from the first byte of a layer to its commit.',
    labels: [],
    buckets: PULL_SECONDS,
  },
  gantry_layer_unpacked_bytes_total: {
    type: 'counter',
    help: 'Bytes of layers as unpacked.',
    labels: [],
  },
  gantry_images_removed_total: { type: 'counter', help: 'Images removed.', labels: [] },
  gantry_image_freed_bytes_total: { type: 'counter', help: 'Bytes freed on disk by removing images.', labels: [] },
  gantry_stage_duration_seconds: {
    type: 'histogram',
    help: 'Time of one stage of a longer operation, as cni_add in run_pod_sandbox.',
    labels: ['operation', 'stage', 'outcome'],
    buckets: STAGE_SECONDS,
  },
  gantry_leaks_found_total: {
    type: 'counter',
    help: 'Things found on the node that no record speaks for, by kind and whether they could be removed.',
    labels: ['kind', 'removed'],
  },
  gantry_intents_rolled_back_total: {
    type: 'counter',
    help: 'Operations cut short by a crash and undone at start.',
    labels: ['outcome'],
  },
  gantry_condition: {
    type: 'gauge',
    help: 'Conditions as Status tells the kubelet: 1 when met, 0 when not.',
    labels: ['condition'],
  },
  gantry_event_loop_delay_seconds: {
    type: 'gauge',
    help: 'Delay of the event loop beyond its timer, over the last one to two minutes.',
    labels: ['statistic'],
  },
  gantry_event_loop_active_seconds_total: {
    type: 'counter',
    help: 'Time the event loop was not idle. Its rate is the share of one CPU the main thread has used.',
    labels: [],
  },
  gantry_metrics_rejected_facts_total: {
    type: 'counter',
    help: 'Facts that a collector could not count because their payload did not fit: an error in Gantry.',
    labels: ['collector'],
  },
  gantry_metrics_scrape_errors_total: {
    type: 'counter',
    help: 'Times a collector failed to read its values for a scrape.',
    labels: ['collector'],
  },
  process_cpu_user_seconds_total: { type: 'counter', help: 'User CPU time of the daemon.', labels: [] },
  process_cpu_system_seconds_total: { type: 'counter', help: 'System CPU time of the daemon.', labels: [] },
  process_cpu_seconds_total: { type: 'counter', help: 'User and system CPU time of the daemon.', labels: [] },
  process_start_time_seconds: { type: 'gauge', help: 'Start of the daemon, seconds since 1970.', labels: [] },
  process_resident_memory_bytes: { type: 'gauge', help: 'Resident memory of the daemon.', labels: [] },
  process_virtual_memory_bytes: { type: 'gauge', help: 'Virtual memory of the daemon.', labels: [] },
  process_open_fds: { type: 'gauge', help: 'Open file descriptors of the daemon.', labels: [] },
  process_max_fds: { type: 'gauge', help: 'Soft limit of open file descriptors of the daemon.', labels: [] },
  process_threads: { type: 'gauge', help: 'Threads of the daemon.', labels: [] },
  nodejs_heap_size_total_bytes: { type: 'gauge', help: 'Size of the JavaScript heap.', labels: [] },
  nodejs_heap_size_used_bytes: { type: 'gauge', help: 'Used part of the JavaScript heap.', labels: [] },
  nodejs_external_memory_bytes: { type: 'gauge', help: 'Memory of buffers outside the heap.', labels: [] },
} as const satisfies Record<string, MetricDefinition>

export type MetricName = keyof typeof METRICS

/** The names of all metrics of one type. */
export type NameOf<Type extends MetricDefinition['type']> = {
  [Name in MetricName]: (typeof METRICS)[Name]['type'] extends Type ? Name : never
}[MetricName]

/** The labels of one metric. */
export type LabelOf<Name extends MetricName> = (typeof METRICS)[Name]['labels'][number]
