// SPDX-License-Identifier: Apache-2.0
import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { listProcesses } from '../bench/processes.ts'
import { type Leak, snapshotHost } from './leaks.ts'

/** By what one instance's traces on a host are told from everybody else's. */
export interface Marks {
  /** Everything of the instance lies below it. */
  readonly directory: string
  /** Name of its cgroup parent, without slashes. */
  readonly cgroup: string
  readonly bridge: string
  /** `10.201.3.`: its pods' addresses begin so. */
  readonly addressPrefix: string
}

/**
 * What an instance has on the host at this moment, beside its files and its bridge. Other instances may run beside it,
 * so the machine is not compared with what it was before: only what bears the instance's marks counts.
 */
export async function tracesOf(marks: Marks): Promise<Leak[]> {
  const { mount, cgroup, nat } = await snapshotHost()
  const bearing = (kind: Leak['kind'], things: ReadonlyMap<string, number>, texts: readonly string[]): Leak[] =>
    [...things.keys()].filter((what) => texts.some((text) => what.includes(text))).map((what) => ({ kind, what }))
  // A small root file system is the harness' own.
  const mounts = bearing('mount', mount, [marks.directory]).filter(
    ({ what }) => !what.startsWith(`${marks.directory}/root (tmpfs`),
  )
  return [
    ...mounts,
    ...bearing('cgroup', cgroup, [marks.cgroup]),
    ...bearing('nat', nat, [marks.addressPrefix, `"${marks.bridge}"`]),
    ...(await portsOf(marks.bridge)).map((what): Leak => ({ kind: 'link', what })),
    ...(await processesBelow(marks.directory)).map((what): Leak => ({ kind: 'process', what })),
  ]
}

/** Links that are plugged into a bridge: one a pod. */
async function portsOf(bridge: string): Promise<string[]> {
  return readdir(`/sys/class/net/${bridge}/brif`).catch(() => [])
}

/**
 * Processes that work in or were started with a path below the directory: daemons, keepers (whose working directory is
 * their pod's), helpers. The caller's own are left out.
 */
async function processesBelow(directory: string): Promise<string[]> {
  const found = await Promise.all((await listProcesses()).map((process) => describe(process, directory)))
  return found.filter((line) => line !== undefined)
}

async function describe(
  { pid, argv }: { pid: number; argv: readonly string[] },
  directory: string,
): Promise<string | undefined> {
  if (pid === process.pid) return undefined
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '')
  const named = [cwd, ...argv].some((text) => text.includes(directory))
  if (!named) return undefined
  const name = (await readFile(join('/proc', String(pid), 'comm'), 'utf8').catch(() => '')).trim()
  return name === '' ? undefined : `${pid} ${name} in ${cwd}: ${argv.join(' ').slice(0, 120)}`
}
