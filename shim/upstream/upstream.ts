// SPDX-License-Identifier: Apache-2.0
import { GantryError, hasCode } from '../../runtime-core/errors.ts'
import { publish } from '../events/channels.ts'
import { type Driver, upstreamDriver } from './cgroup-driver.ts'
import { UpstreamConnection, type UpstreamState } from './connection.ts'

export interface UpstreamRuntimeOptions {
  readonly endpoint: string
  /** Of this daemon. */
  readonly driver: Driver
  /** Told of what no call can tell: that the drivers cannot be compared, or differ by now. */
  readonly onTrouble: (error: GantryError) => void
}

/** The node's own runtime: the connection to it, and whether both go together. */
export class UpstreamRuntime {
  readonly connection: UpstreamConnection
  readonly #options: UpstreamRuntimeOptions
  #refusal: string | undefined
  #listener: () => void = () => undefined
  /** Until `open` returns it is who compares, and whose failure ends the daemon. */
  #isOpening = true
  #comparison: Promise<void> = Promise.resolve()

  private constructor(options: UpstreamRuntimeOptions) {
    this.#options = options
    this.connection = new UpstreamConnection({
      endpoint: options.endpoint,
      onState: (state) => this.#onState(state),
    })
  }

  /**
   * Connects. A runtime that does not answer yet is waited for in the background: it may be started after us.
   *
   * @throws GantryError `failed_precondition` where it uses another cgroup driver
   */
  static async open(options: UpstreamRuntimeOptions): Promise<UpstreamRuntime> {
    const runtime = new UpstreamRuntime(options)
    try {
      await runtime.connection.session()
      await runtime.#compareDrivers()
    } catch (error) {
      if (hasCode(error, 'unavailable')) return runtime
      runtime.connection.close()
      throw error
    } finally {
      runtime.#isOpening = false
    }
    return runtime
  }

  /** Why new pods of ours are refused: a kubelet that goes by the other driver gives them no place. */
  get refusal(): string | undefined {
    return this.#refusal
  }

  /** Calls `listener` whenever the runtime is back. */
  onBack(listener: () => void): void {
    this.#listener = listener
  }

  /** Resolves when the comparison of the drivers that is under way is done. */
  settled(): Promise<void> {
    return this.#comparison
  }

  #onState(state: UpstreamState): void {
    const reason = state.isUp ? '' : 'UpstreamUnavailable'
    publish('ConditionChanged', { condition: 'RuntimeReady', ready: state.isUp, reason })
    if (!state.isUp || this.#isOpening) return
    this.#listener()
    this.#comparison = this.#compareDrivers().catch((error: unknown) => {
      if (error instanceof GantryError) this.#options.onTrouble(error)
      else throw error
    })
  }

  async #compareDrivers(): Promise<void> {
    const { endpoint, driver } = this.#options
    const theirs = await upstreamDriver(this.connection)
    if (theirs === undefined) {
      const reason = 'the cgroup driver of upstream cannot be told; it must be the one of this daemon'
      this.#options.onTrouble(new GantryError('unavailable', { action: 'run beside', subject: endpoint, reason }))
      return
    }
    this.#refusal = theirs === driver ? undefined : `cgroup driver: upstream uses "${theirs}", this daemon "${driver}"`
    if (this.#refusal === undefined) return
    throw new GantryError('failed_precondition', {
      action: 'run beside',
      subject: endpoint,
      reason: `${this.#refusal}: set cgroup-driver = "${theirs}"`,
    })
  }
}
