// SPDX-License-Identifier: Apache-2.0

import type { OciResources } from '../spec/types.ts'

/** What is in force after an update: absent and unset fields keep their value. */
export function mergeResources(current: OciResources, change: OciResources): OciResources {
  const memory = { ...current.memory, ...dropUnset(change.memory, ['limit', 'reservation', 'swap']) }
  const cpu = { ...current.cpu, ...dropUnset(change.cpu, ['shares', 'quota', 'period', 'cpus', 'mems']) }
  const unified = { ...current.unified, ...change.unified }
  return { ...current, ...change, memory, cpu, unified }
}

function dropUnset<T extends object>(values: T | undefined, zeroIsUnset: readonly (keyof T)[]): Partial<T> {
  const kept: Partial<T> = { ...values }
  for (const key of zeroIsUnset) if (!kept[key]) delete kept[key]
  return kept
}
