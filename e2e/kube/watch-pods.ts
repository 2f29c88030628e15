// SPDX-License-Identifier: Apache-2.0
import type { KubeApi } from './api.ts'
import type { Pod } from './objects.ts'

/** One change of a pod, and when it was heard of (milliseconds of `performance.now()`). */
export interface PodChange {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'ERROR'
  readonly pod: Pod
  readonly atMs: number
}

/**
 * Hears of each change of the pods at `path` as it happens, from the pods that are there on, until `seen` is true.
 *
 * @throws Error when the server ends the watch before that
 */
export async function watchPods(
  api: KubeApi,
  path: string,
  seen: (change: PodChange) => boolean,
  signal: AbortSignal,
): Promise<void> {
  let rest = ''
  for await (const chunk of api.stream(`${path}?watch=true`, signal)) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    const atMs = performance.now()
    for (const line of lines) {
      const { type, object } = JSON.parse(line) as { type: PodChange['type']; object: Pod }
      if (type === 'ERROR') throw new Error(`watch ${path}: ${line}`)
      if (seen({ type, pod: object, atMs })) return
    }
  }
  throw new Error(`watch ${path}: the server ended it`)
}
