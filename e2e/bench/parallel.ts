// SPDX-License-Identifier: Apache-2.0

/**
 * Calls `act` for each item, at most `callers` at a time, results in the order of the items. The first failure is thrown
 * once the calls under way have ended; no further ones are begun.
 */
export async function inParallel<Item, Result>(
  callers: number,
  items: readonly Item[],
  act: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  const failures: unknown[] = []
  const queue = items.entries()
  const caller = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (failures.length > 0) return
      try {
        results[index] = await act(item)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(callers, items.length) }, caller))
  if (failures.length > 0) throw failures[0]
  return results
}
