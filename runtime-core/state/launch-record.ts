// SPDX-License-Identifier: Apache-2.0
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LaunchResult } from '../keeper/client.ts'
import { errnoName } from '../kernel/errno.ts'
import { disassemble } from '../plan/disassemble.ts'
import { explain } from '../plan/explain.ts'

/** Keeps a container's plan and what the keeper measured of it, for `gantry explain`. */
export async function writeLaunchRecord(bundle: string, plan: Uint8Array, result: LaunchResult): Promise<void> {
  const times = Buffer.alloc(8 + result.times.length * 4)
  times.writeInt32LE(result.errno, 0)
  times.writeUInt32LE(result.failedOp, 4)
  result.times.forEach((ns, index) => {
    times.writeUInt32LE(ns, 8 + index * 4)
  })
  await Promise.all([writeFile(join(bundle, 'plan'), plan), writeFile(join(bundle, 'times'), times)])
}

/**
 * The plan of a container as readable lines, with the time each operation took.
 *
 * @throws the file system's error (ENOENT) for a container that was never started.
 */
export async function explainLaunch(bundle: string): Promise<string> {
  const [plan, times] = await Promise.all([readFile(join(bundle, 'plan')), readFile(join(bundle, 'times'))])
  const errno = times.readInt32LE(0)
  const ns = Array.from({ length: (times.length - 8) >> 2 }, (_, index) => times.readUInt32LE(8 + index * 4))
  const failed = errno === 0 ? {} : { failed: { index: times.readUInt32LE(4), errno: errnoName(errno) } }
  return explain(disassemble(plan), { ns, ...failed })
}
