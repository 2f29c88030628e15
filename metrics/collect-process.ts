// SPDX-License-Identifier: Apache-2.0
import { readdir, readFile } from 'node:fs/promises'
import { performance } from 'node:perf_hooks'
import type { MetricsRegistry } from './registry.ts'

const KIBIBYTE = 1024
const MICROSECONDS = 1e6

/**
 * The daemon's own figures under the names every Prometheus client uses. Not prom-client's defaults: those read /proc
 * synchronously and hook the garbage collector.
 */
export function collectProcess(registry: MetricsRegistry): void {
  readCpu(registry)
  readMemory(registry)
  readDescriptors(registry)
  registry.gauge('process_start_time_seconds').set(performance.timeOrigin / 1000)
}

function readCpu(registry: MetricsRegistry): void {
  const user = registry.counter('process_cpu_user_seconds_total')
  const system = registry.counter('process_cpu_system_seconds_total')
  const both = registry.counter('process_cpu_seconds_total')
  let last = { user: 0, system: 0 }
  registry.onScrape('process_cpu', () => {
    const now = process.cpuUsage()
    const userSeconds = (now.user - last.user) / MICROSECONDS
    const systemSeconds = (now.system - last.system) / MICROSECONDS
    user.inc(userSeconds)
    system.inc(systemSeconds)
    both.inc(userSeconds + systemSeconds)
    last = now
  })
}

function readMemory(registry: MetricsRegistry): void {
  const resident = registry.gauge('process_resident_memory_bytes')
  const virtual = registry.gauge('process_virtual_memory_bytes')
  const threads = registry.gauge('process_threads')
  const heapTotal = registry.gauge('nodejs_heap_size_total_bytes')
  const heapUsed = registry.gauge('nodejs_heap_size_used_bytes')
  const external = registry.gauge('nodejs_external_memory_bytes')
  registry.onScrape('process_memory', async () => {
    const status = await readFile('/proc/self/status', 'utf8')
    resident.set(statusField(status, 'VmRSS') * KIBIBYTE)
    virtual.set(statusField(status, 'VmSize') * KIBIBYTE)
    threads.set(statusField(status, 'Threads'))
    const heap = process.memoryUsage()
    heapTotal.set(heap.heapTotal)
    heapUsed.set(heap.heapUsed)
    external.set(heap.external)
  })
}

function readDescriptors(registry: MetricsRegistry): void {
  const open = registry.gauge('process_open_fds')
  const max = registry.gauge('process_max_fds')
  registry.onScrape('process_fds', async () => {
    const [descriptors, limits] = await Promise.all([readdir('/proc/self/fd'), readFile('/proc/self/limits', 'utf8')])
    // One of them is the listing's own.
    open.set(descriptors.length - 1)
    const soft = /^Max open files\s+(\S+)/m.exec(limits)?.[1]
    max.set(soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft))
  })
}

function statusField(status: string, field: string): number {
  const value = new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1]
  if (value === undefined) throw new Error(`read "/proc/self/status": no field ${field}`)
  return Number(value)
}
