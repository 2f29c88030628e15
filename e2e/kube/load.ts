// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from './api.ts'
import { eventually } from './eventually.ts'
import { IDLE, shell } from './scenario.ts'
import { isReady, type Workspace } from './workspace.ts'

/** Pods that are there, what their containers are, and when they were started. */
export type RunningSet = ReadonlyMap<string, string>

const COUNTER = 'n=0; trap "exit 0" TERM; while n=$((n+1)); do echo "$n"; sleep 0.2 & wait $!; done'

/** Starts a Deployment of pods that write a numbered line five times a second. */
export async function startCounters(workspace: Workspace, replicas: number): Promise<void> {
  await workspace.create({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'count' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'count' } },
      template: {
        metadata: { labels: { app: 'count' } },
        spec: { terminationGracePeriodSeconds: 1, containers: [shell('main', COUNTER)] },
      },
    },
  } as KubeObject & { kind: string })
  await allReady(workspace, 'app=count', replicas)
}

/** Waits until there are so many pods of a selector, all of them ready. */
export async function allReady(
  workspace: Workspace,
  selector: string,
  count: number,
  timeoutMs?: number,
): Promise<void> {
  let state = ''
  const ready = async (): Promise<boolean> => {
    const pods = await workspace.pods(selector)
    state = `${pods.filter(isReady).length} of ${pods.length} are ready`
    return pods.length === count && pods.every(isReady)
  }
  await eventually(`${count} pods of ${selector} are ready`, ready, {
    state: () => state,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  })
}

/** Which containers run at this moment, by pod, with restarts. */
export async function running(workspace: Workspace, selector: string): Promise<RunningSet> {
  const pods = await workspace.pods(selector)
  return new Map(
    pods.map(({ metadata, status }) => {
      const containers = (status.containerStatuses ?? []).map(
        ({ name, containerID, restartCount, state }) =>
          `${name} ${containerID} ${restartCount} ${state.running?.startedAt}`,
      )
      return [metadata.name, containers.join('; ')]
    }),
  )
}

/** Fails unless every line of a counter's log is there, once and in order. */
export async function expectNoLineLost(workspace: Workspace, selector: string): Promise<number> {
  let lines = 0
  for (const { metadata } of await workspace.pods(selector)) {
    // A kubelet that has just started does not know yet which pods it has.
    const log = await eventually(`the log of ${metadata.name} is served`, () => workspace.logs(metadata.name))
    const numbers = log.trim().split('\n').map(Number)
    const at = numbers.findIndex((number, index) => number !== index + 1)
    if (at >= 0) throw new Error(`${metadata.name}: line ${at + 1} of the log is ${numbers[at]}`)
    lines += numbers.length
  }
  return lines
}

/** Pods that come and go one after the other, until it is stopped; each must be ready in its time. */
export class Churn {
  readonly #workspace: Workspace
  readonly #work: Promise<void>
  #going = true
  #rounds = 0

  constructor(workspace: Workspace) {
    this.#workspace = workspace
    this.#work = this.#run()
    // It is looked at when it is stopped.
    this.#work.catch(() => undefined)
  }

  /** @returns how many pods came and went. */
  async stop(): Promise<number> {
    this.#going = false
    await this.#work
    return this.#rounds
  }

  async #run(): Promise<void> {
    while (this.#going) {
      const name = await this.#workspace.pod(`churn-${this.#rounds}`, { containers: [shell('main', IDLE)] })
      await this.#workspace.ready(name)
      await this.#workspace.deletePod(name)
      this.#rounds++
    }
  }
}
