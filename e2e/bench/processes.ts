// SPDX-License-Identifier: Apache-2.0
import { readdir, readFile, readlink } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

/** One process as /proc shows it. */
export interface Process {
  readonly pid: number
  readonly parent: number
  readonly argv: readonly string[]
  /** Target of /proc/PID/exe; empty for a zombie or a kernel thread. */
  readonly executable: string
}

const KIBIBYTE = 1024

/** All processes. One that ends while it is read is left out. */
export async function listProcesses(): Promise<Process[]> {
  const names = await readdir('/proc')
  const pids = names.map(Number).filter((pid) => Number.isInteger(pid))
  const found = await Promise.all(pids.map(readProcess))
  return found.filter((process) => process !== undefined)
}

async function readProcess(pid: number): Promise<Process | undefined> {
  try {
    const [stat, cmdline, executable] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
      readlink(`/proc/${pid}/exe`).catch(() => ''),
    ])
    // The name in parentheses may hold anything; state and parent follow the last one.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    return { pid, parent, argv: cmdline.split('\0').slice(0, -1), executable }
  } catch {
    return undefined
  }
}

/** `roots` and all that descend from them. */
export function descendants(processes: readonly Process[], roots: readonly number[]): Process[] {
  const chosen = new Set(roots)
  for (let before = -1; before !== chosen.size; ) {
    before = chosen.size
    for (const { pid, parent } of processes) if (chosen.has(parent)) chosen.add(pid)
  }
  return processes.filter(({ pid }) => chosen.has(pid))
}

/** Proportional set size of the processes together, bytes: shared pages count by their share. */
export async function pssBytes(pids: readonly number[]): Promise<number> {
  const sizes = await Promise.all(pids.map((pid) => rollupField(pid, 'Pss')))
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** Resident set size of the processes, bytes, shared pages counted in each. */
export async function rssBytes(pids: readonly number[]): Promise<number> {
  const sizes = await Promise.all(pids.map((pid) => rollupField(pid, 'Rss')))
  return sizes.reduce((sum, size) => sum + size, 0)
}

async function rollupField(pid: number, field: string): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * KIBIBYTE
}

const SETTLE_TIMEOUT_MS = 10_000
const SETTLE_STEP_MS = 400

/** Waits until the processes use next to no CPU: work they put off, such as collecting garbage, is done then. */
export async function settle(pids: readonly number[]): Promise<void> {
  const deadline = performance.now() + SETTLE_TIMEOUT_MS
  for (let before = await cpuTicks(pids); performance.now() < deadline; ) {
    await delay(SETTLE_STEP_MS)
    const now = await cpuTicks(pids)
    if (now - before <= 1) return
    before = now
  }
}

async function cpuTicks(pids: readonly number[]): Promise<number> {
  const texts = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')))
  return texts.reduce((sum, text) => {
    // proc(5): utime and stime are fields 14 and 15; the first two end with the last parenthesis.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return sum + Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
  }, 0)
}
