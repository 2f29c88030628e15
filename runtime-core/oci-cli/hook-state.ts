// SPDX-License-Identifier: Apache-2.0
import type { ContainerRecord } from '../state/container-record.ts'

/** Where the launcher puts the pid, which nobody knows when the plan is made: no byte that JSON could have. */
const PID_PLACE = '\u0000'

/**
 * The state a hook reads on its standard input (config.md §hooks, runtime.md §state); a zero byte stands for the pid.
 */
export function hookState(record: ContainerRecord, status: string): Uint8Array {
  return Buffer.from(stateText(record, status, PID_PLACE))
}

/** The same with a pid that is known; 0: there is no process any more. */
export function stateText(record: ContainerRecord, status: string, pid: number | typeof PID_PLACE): string {
  const { ociVersion, id, bundle, annotations } = record
  const head = JSON.stringify({ ociVersion, id, status }).slice(0, -1)
  const tail = JSON.stringify({ bundle, ...(annotations === undefined ? {} : { annotations }) }).slice(1)
  return `${head},"pid":${pid},${tail}`
}
