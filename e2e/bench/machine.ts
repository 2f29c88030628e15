// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { MeasuredPeer } from './measured-peer.ts'

/** Where the figures were taken. */
export interface Machine {
  readonly cpus: number
  readonly model: string
  readonly memoryBytes: number
  readonly kernel: string
  readonly node: string
}

export function describeMachine(): Machine {
  const all = cpus()
  const model = all[0]?.model ?? 'unknown'
  return { cpus: all.length, model, memoryBytes: totalmem(), kernel: release(), node: process.version }
}

/** What a peer says it is; for containerd with the runc it starts. */
export async function describePeer(peer: MeasuredPeer, programs: string | undefined): Promise<string> {
  const { runtimeName, runtimeVersion } = await peer.client.runtime.version({ version: 'v1' })
  const own = `${runtimeName} ${runtimeVersion}`
  if (peer.name !== 'containerd') return own
  const runc = programs === undefined ? 'runc' : join(programs, 'runc')
  const { stdout } = await promisify(execFile)(runc, ['--version'])
  return `${own} + ${stdout.split('\n', 1)[0]?.replace(' version', '') ?? 'runc'}`
}
