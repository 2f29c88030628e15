// SPDX-License-Identifier: Apache-2.0
import { messageOf } from '../../../runtime-core/errors.ts'
import type { NetworkList } from './config.ts'
import type { CniConfigurations, NetworkStatus } from './discover.ts'
import { type Runner, statusOfList } from './operations.ts'

export interface StatusProbeOptions {
  /** Monotonic clock in ms. */
  readonly now: () => number
  readonly maxAgeMs: number
  /** Makes the runner of one probe, with its deadline. */
  readonly runner: () => Runner
}

interface Verdict {
  readonly list: NetworkList
  readonly at: number
  /** Why the plugins are not ready; undefined when they are. */
  readonly problem: string | undefined
}

/**
 * NetworkReady: a usable configuration whose plugins exist and, from 1.1.0, answer STATUS with success. `status` answers
 * from memory and never waits for a plugin; a verdict that is old is renewed behind its back, one probe at a time.
 */
export class StatusProbe {
  readonly #configurations: CniConfigurations
  readonly #options: StatusProbeOptions
  #verdict: Verdict | undefined
  #running: Promise<NetworkStatus> | undefined

  constructor(configurations: CniConfigurations, options: StatusProbeOptions) {
    this.#configurations = configurations
    this.#options = options
  }

  status(): NetworkStatus {
    const list = this.#configurations.current()
    const verdict = this.#verdict
    const isFresh = verdict?.list === list && verdict !== undefined && this.#age(verdict) < this.#options.maxAgeMs
    // probe never rejects: what goes wrong becomes the verdict
    if (!isFresh) void this.probe()
    return this.#judge(list)
  }

  async probe(): Promise<NetworkStatus> {
    this.#running ??= this.#look().finally(() => {
      this.#running = undefined
    })
    return await this.#running
  }

  async #look(): Promise<NetworkStatus> {
    let list: NetworkList | undefined
    let problem: string | undefined
    try {
      list = (await this.#configurations.refresh()).networks[0]
      if (list !== undefined) await statusOfList(list, this.#options.runner())
    } catch (error) {
      problem = messageOf(error)
    }
    this.#verdict = list === undefined ? undefined : { list, problem, at: this.#options.now() }
    return this.#judge(this.#configurations.current())
  }

  #judge(list: NetworkList | undefined): NetworkStatus {
    const configured = this.#configurations.status()
    if (list === undefined) return configured
    // a rewritten configuration of the same network keeps its verdict until the next one is in: no flapping
    const verdict = this.#verdict?.list.name === list.name ? this.#verdict : undefined
    if (verdict === undefined) return notReady(`network "${list.name}": its plugins are being asked`)
    return verdict.problem === undefined ? configured : notReady(`network "${list.name}": ${verdict.problem}`)
  }

  #age(verdict: Verdict): number {
    return this.#options.now() - verdict.at
  }
}

function notReady(message: string): NetworkStatus {
  return { ready: false, reason: 'NetworkPluginNotReady', message }
}
