// SPDX-License-Identifier: Apache-2.0

/**
 * As Promise.all, but waits for all even where one fails, and then throws the first failure: nothing goes on behind the
 * back of the clean-up that follows.
 */
export async function settled<T extends readonly unknown[]>(work: { [I in keyof T]: Promise<T[I]> }): Promise<T> {
  const results = await Promise.allSettled(work)
  const failed = results.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return Promise.all(work) as unknown as Promise<T>
}
