// SPDX-License-Identifier: Apache-2.0
import { readdir, readFile } from 'node:fs/promises'
import { errnoOf } from '../../../runtime-core/errors.ts'

/** Marks the plugins of one gantryd, by where it keeps its records: other instances and runtimes do not bear it. */
export const ownerVariable = 'GANTRY_CNI_CACHE'

/** A plugin, or a process it started, that outlived the gantryd that ran it. */
export interface Straggler {
  readonly pid: number
  readonly sandboxId: string
}

/**
 * Finds processes that an earlier gantryd with the same cache directory started for one of `sandboxIds`. They are told
 * by their environment, which a plugin's children inherit. Call it before any plugin of this gantryd runs.
 */
export async function findStragglers(cacheDir: string, sandboxIds: ReadonlySet<string>): Promise<readonly Straggler[]> {
  if (sandboxIds.size === 0) return []
  const found: Straggler[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue
    const variables = await environmentOf(name)
    if (variables.get(ownerVariable) !== cacheDir) continue
    const sandboxId = variables.get('CNI_CONTAINERID')
    if (sandboxId !== undefined && sandboxIds.has(sandboxId)) found.push({ pid: Number(name), sandboxId })
  }
  return found
}

/**
 * Kills stragglers and waits, up to `deadlineMs`, until none is left. An ADD that was under way when gantryd was killed
 * would otherwise go on beside, and end after, the DEL that rolls it back. Returns the ones that would not go.
 */
export async function killStragglers(
  cacheDir: string,
  sandboxIds: ReadonlySet<string>,
  deadlineMs: number,
): Promise<readonly Straggler[]> {
  const deadline = performance.now() + deadlineMs
  for (;;) {
    const left = await findStragglers(cacheDir, sandboxIds)
    if (left.length === 0 || performance.now() > deadline) return left
    for (const { pid } of left) kill(pid)
    // no event tells of the end of a process that is nobody's child here
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}

/** Empty for kernel threads, zombies and processes that are gone or not ours to see. */
async function environmentOf(pid: string): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(`/proc/${pid}/environ`, 'latin1').catch((error: unknown) => {
    if (errnoOf(error) === undefined) throw error
    return ''
  })
  const pairs = text.split('\0').filter((pair) => pair.includes('='))
  return new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
}
