// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs'
import { errnoOf } from '../errors.ts'
import { type ContainerFiles, type ContainerRecord, readInit } from './container-record.ts'
import { isRunning, type ProcessIdentity } from './process-stat.ts'

/** runtime.md §state, and `paused` as runc has it. */
export type ContainerStatus = 'creating' | 'created' | 'running' | 'paused' | 'stopped'

export interface ContainerState {
  readonly status: ContainerStatus
  /** Of a container whose first process lives. */
  readonly init: ProcessIdentity | undefined
}

/** What a container is doing, from what the kernel says: nothing that a crash could leave wrong. */
export function readStatus(files: ContainerFiles, record: ContainerRecord): ContainerState {
  const init = readInit(files)
  if (init === undefined) {
    const { pid, startTime } = record.creator
    const isBeingMade = isRunning({ pid, startTime: BigInt(startTime) })
    return { status: isBeingMade ? 'creating' : 'stopped', init: undefined }
  }
  if (!isRunning(init)) return { status: 'stopped', init: undefined }
  if (isFrozenNow(record.cgroup.freezer)) return { status: 'paused', init }
  return { status: existsSync(files.startGate) ? 'created' : 'running', init }
}

function isFrozenNow(freezer: ContainerRecord['cgroup']['freezer']): boolean {
  if (freezer === undefined) return false
  const { version, directory } = freezer
  const text = version === 2 ? readText(`${directory}/cgroup.freeze`) : readText(`${directory}/freezer.state`)
  return version === 2 ? text === '1\n' : text === 'FROZEN\n' || text === 'FREEZING\n'
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENODEV') return ''
    throw error
  }
}
