// SPDX-License-Identifier: Apache-2.0
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../../runtime-core/errors.ts'
import { runCommand } from '../images/command.ts'

/** Kinds of host state that a runtime can leave behind. */
export type LeakKind = 'mount' | 'netns' | 'link' | 'cgroup' | 'process' | 'nat' | 'ipc'

/** One thing that is there after a run and was not before. */
export interface Leak {
  readonly kind: LeakKind
  readonly what: string
}

/** Host state at one moment: for each kind its things, each with how often it occurs. */
export type HostState = Readonly<Record<LeakKind, ReadonlyMap<string, number>>>

/** Names of processes that count as ours. */
const OUR_PROCESSES = /^(gantry|containerd-shim)/
// The portmap plugin makes these once and never removes them; what belongs to a pod hangs below them.
const PORTMAP_SCAFFOLD =
  /^-N CNI-HOSTPORT-(DNAT|MASQ|SETMARK)$|-j CNI-HOSTPORT-(DNAT|MASQ)$|^-A CNI-HOSTPORT-(MASQ|SETMARK) .*0x2000/
const CGROUP_ROOT = '/sys/fs/cgroup'
// A node's own services come and go by themselves and are no business of a runtime.
const FOREIGN_CGROUPS = /\/(system|user|init)\.(slice|scope)(\/|$)/

/**
 * Takes a picture of what a runtime may leave on a host: mounts, network namespaces and links, cgroups, our processes,
 * NAT rules and System V shared memory. Sources that a host does not have are empty.
 */
export async function snapshotHost(): Promise<HostState> {
  const [mount, netns, link, cgroup, process, nat, ipc] = await Promise.all([
    mounts(),
    names('/run/netns'),
    names('/sys/class/net'),
    cgroups(),
    processes(),
    natRules(),
    sharedMemory(),
  ])
  return { mount, netns, link, cgroup, process, nat, ipc } satisfies Record<LeakKind, Map<string, number>>
}

/** What stands in `after` and not, or less often, in `before`. */
export function leaksBetween(before: HostState, after: HostState): Leak[] {
  const kinds = Object.keys(after) as LeakKind[]
  return kinds.flatMap((kind) =>
    [...after[kind]]
      .filter(([what, count]) => count > (before[kind].get(what) ?? 0))
      .map(([what]): Leak => ({ kind, what })),
  )
}

/** The leaks as lines for a person; empty where there are none. */
export function describeLeaks(leaks: readonly Leak[]): string {
  return leaks.map(({ kind, what }) => `left behind: ${kind} ${what}`).join('\n')
}

function count(things: Iterable<string>): Map<string, number> {
  const counted = new Map<string, number>()
  for (const thing of things) counted.set(thing, (counted.get(thing) ?? 0) + 1)
  return counted
}

async function mounts(): Promise<Map<string, number>> {
  const text = await readFile('/proc/self/mountinfo', 'utf8')
  // `ip netns` and CNI plugins make /run/netns a mount of its own, once, and leave it so.
  const lines = text.split('\n').filter((line) => line !== '' && line.split(' ')[4] !== '/run/netns')
  // proc(5): fields 4 and 5 are root and mount point; type and source follow the separator. Ids change and are left out.
  return count(
    lines.map((line) => {
      const [, , , root, point] = line.split(' ')
      const [type, source] = (line.split(' - ')[1] ?? '').split(' ')
      return `${point} (${type} ${source} ${root})`
    }),
  )
}

async function names(directory: string): Promise<Map<string, number>> {
  return count(await listOrNothing(directory))
}

async function listOrNothing(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENODEV') return []
    throw error
  }
}

async function cgroups(): Promise<Map<string, number>> {
  const found: string[] = []
  const own = await ownTopLevels()
  const visit = async (directory: string): Promise<void> => {
    const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
    for (const entry of entries) {
      const path = join(directory, entry.name)
      if (!entry.isDirectory() || FOREIGN_CGROUPS.test(path) || own.has(path)) continue
      found.push(path)
      await visit(path)
    }
  }
  await visit(CGROUP_ROOT)
  return count(found)
}

// Whatever started this process in a cgroup of its own makes and removes the neighbours there as it likes.
async function ownTopLevels(): Promise<Set<string>> {
  const lines = (await readFile('/proc/self/cgroup', 'utf8')).trim().split('\n')
  const tops = lines.map((line) => /^\d+:(?:name=)?([^:]*):\/([^/]+)/.exec(line)).filter((found) => found !== null)
  return new Set(tops.flatMap(([, controller = '', top = '']) => [join(CGROUP_ROOT, controller, top)]))
}

async function processes(): Promise<Map<string, number>> {
  const found: string[] = []
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    // A process may end between the listing and the reading.
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    const name = command
      .split('\0')
      .slice(0, 2)
      .map(baseName)
      .find((part) => OUR_PROCESSES.test(part))
    if (name !== undefined) found.push(`${pid} ${command.split('\0').join(' ').trim()}`)
  }
  return count(found)
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

async function natRules(): Promise<Map<string, number>> {
  const families = { ip: 'iptables', ip6: 'ip6tables' }
  const listed = Object.entries(families).map(async ([family, tool]) => {
    // A host without the tool has no rules of ours either.
    const text = await runCommand(tool, ['-t', 'nat', '-S']).catch(() => '')
    const rules = text.split('\n').filter((line) => line !== '' && !PORTMAP_SCAFFOLD.test(line))
    return rules.map((rule) => `${family} ${rule}`)
  })
  return count((await Promise.all(listed)).flat())
}

async function sharedMemory(): Promise<Map<string, number>> {
  const text = await readFile('/proc/sysvipc/shm', 'utf8').catch(() => '')
  const rows = text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
  // sysvipc(7): the columns are key, id, mode, size.
  return count(rows.filter((row) => row.length > 3).map(([, id, , size]) => `shm ${id} (${size} bytes)`))
}
