// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { CgroupHost } from '../../runtime-core/cgroup/detect.ts'
import { errnoOf } from '../../runtime-core/errors.ts'
import type { Turns } from './turns.ts'

/** What the processes of a container hold. */
export interface ProcessFigures {
  readonly processes: number
  /** Absent where there are too many to count. */
  readonly descriptors?: number
  readonly sockets?: number
  /** Soft limit of open files of the main process. */
  readonly maxOpenFiles?: number
}

/** Of a container with more processes or descriptors than these, the descriptors are not counted. */
const MOST_PROCESSES = 256
const MOST_DESCRIPTORS = 8192

/** How many processes are in a cgroup itself; undefined when it is gone. */
export function countProcesses(host: CgroupHost, cgroupsPath: string): number | undefined {
  return processesOf(host, cgroupsPath)?.length
}

/** Figures of a container's processes, read from /proc; undefined when its cgroup is gone. */
export async function readProcesses(
  host: CgroupHost,
  cgroupsPath: string,
  mainPid: number,
  turns: Turns,
): Promise<ProcessFigures | undefined> {
  const pids = processesOf(host, cgroupsPath)
  if (pids === undefined) return undefined
  const maxOpenFiles = softLimit(mainPid)
  return {
    processes: pids.length,
    ...(await countDescriptors(pids, turns)),
    ...(maxOpenFiles !== undefined && { maxOpenFiles }),
  }
}

function processesOf(host: CgroupHost, cgroupsPath: string): string[] | undefined {
  // In v1 every hierarchy has the container's processes; the one of the limit on their number surely does.
  const mount = host.v1.get('pids') ?? host.v1.values().next().value ?? host.unifiedMount
  const text = attempt(() => readFileSync(`${mount}${cgroupsPath}/cgroup.procs`, 'latin1'))
  return text?.split('\n').filter((line) => line !== '')
}

async function countDescriptors(
  pids: readonly string[],
  turns: Turns,
): Promise<Pick<ProcessFigures, 'descriptors' | 'sockets'>> {
  if (pids.length > MOST_PROCESSES) return {}
  let [descriptors, sockets] = [0, 0]
  for (const pid of pids) {
    const names = attempt(() => readdirSync(`/proc/${pid}/fd`)) ?? []
    descriptors += names.length
    if (descriptors > MOST_DESCRIPTORS) return {}
    for (const name of names) {
      if (turns.due) await turns.yield()
      if (attempt(() => readlinkSync(`/proc/${pid}/fd/${name}`))?.startsWith('socket:')) sockets++
    }
  }
  return { descriptors, sockets }
}

function softLimit(pid: number): number | undefined {
  const text = attempt(() => readFileSync(`/proc/${pid}/limits`, 'latin1'))
  const [, value] = /^Max open files\s+(\d+)/m.exec(text ?? '') ?? []
  return value === undefined ? undefined : Number(value)
}

/** Undefined where the process or cgroup is gone. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}
