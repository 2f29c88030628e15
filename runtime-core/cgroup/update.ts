// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../errors.ts'
import type { CgroupWrite } from './plan.ts'
import { writeCgroupFile } from './write-file.ts'

/** Writes limits of a living container in order; where one is refused, `back` leads to what was in force before. */
export async function applyUpdate(writes: readonly CgroupWrite[], back: () => readonly CgroupWrite[]): Promise<void> {
  let done = 0
  try {
    for (const write of writes) {
      await writeCgroupFile(write)
      done++
    }
  } catch (error) {
    if (done > 0) await restore(back(), error)
    throw error
  }
}

async function restore(writes: readonly CgroupWrite[], error: unknown): Promise<void> {
  for (const write of writes) {
    await writeCgroupFile(write).catch((failure: unknown) => {
      throw new GantryError('internal', { action: 'undo update of resources', cause: error, cleanup: [failure] })
    })
  }
}
