// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../../runtime-core/errors.ts'
import {
  attach,
  checkAttachment,
  detach,
  notAttached,
  type PodNetworkResult,
  podAnswer,
  podInterface,
} from './attach.ts'
import { AttachmentCache } from './cache.ts'
import { capabilityArgs, type PodAttributes, podArgs } from './capabilities.ts'
import { isCniName, type NetworkList } from './config.ts'
import type { CniConfigurations, NetworkStatus } from './discover.ts'
import { Lanes } from './lanes.ts'
import { netnsIdentity } from './netns-identity.ts'
import { gcList, type InvocationFact, type Runner } from './operations.ts'
import { type IpPreference, readResult } from './result.ts'
import { StatusProbe } from './status.ts'
import { killStragglers, ownerVariable } from './stragglers.ts'
import { Turns } from './turns.ts'
import { isAtLeast } from './version.ts'

export type { PodNetworkResult } from './attach.ts'

export interface PodNetworkOptions {
  readonly configurations: CniConfigurations
  readonly pluginDirs: readonly string[]
  /** Attachments are recorded below it, in `results`. Must survive a restart of gantryd. */
  readonly cacheDir: string
  /** What plugins inherit; PATH at least, they call iptables. */
  readonly env: Readonly<Record<string, string>>
  /** Monotonic clock in ms, `performance.now` for instance. */
  readonly now: () => number
  readonly ipPreference: IpPreference
  /** Operations at once, over all pods. */
  readonly parallel: number
  /** What undoing a failed setup may take, in ms; it runs whatever became of the caller. */
  readonly cleanupTimeoutMs: number
  /** What the STATUS verb may take, in ms, and how old its answer may get. */
  readonly statusTimeoutMs: number
  readonly statusMaxAgeMs: number
  readonly onInvocation?: (fact: InvocationFact) => void
}

/** A pod to attach. */
export interface PodAttachment extends PodAttributes {
  /** Path of the pod's network namespace, for instance `/proc/<keeper>/fd/<n>`. */
  readonly netnsPath: string
}

/**
 * A pod to detach. Without netnsPath the recorded path is used; either counts only while it leads to the namespace of
 * the setup, and otherwise the plugins are told that it is gone.
 */
export interface PodDetachment {
  readonly sandboxId: string
  readonly netnsPath?: string | undefined
}

/** The caller's patience: `deadlineMs` from now, and a signal. */
export interface Patience {
  readonly deadlineMs: number
  readonly signal?: AbortSignal | undefined
}

/** What a timer of Node can hold. */
const longestTimerMs = 2 ** 31 - 1

/**
 * The pods' network by CNI plugins: the only door. Operations of one sandbox run one after the other, those of
 * different sandboxes at once. Loopback is not done here: the keeper brings it up.
 */
export class PodNetwork {
  readonly #options: PodNetworkOptions
  readonly #cache: AttachmentCache
  readonly #lanes: Lanes
  readonly #turns = new Turns()
  readonly #probe: StatusProbe
  #podCidrs: readonly string[] = []

  constructor(options: PodNetworkOptions) {
    this.#options = options
    this.#cache = new AttachmentCache(options.cacheDir)
    this.#lanes = new Lanes(options.parallel)
    this.#probe = new StatusProbe(options.configurations, {
      now: options.now,
      maxAgeMs: options.statusMaxAgeMs,
      runner: () => this.#runner({ deadlineMs: options.statusTimeoutMs }),
    })
  }

  /** The node's pod subnets (UpdateRuntimeConfig); given to plugins that declare `ipRanges`. */
  setPodCidrs(cidrs: readonly string[]): void {
    this.#podCidrs = [...cidrs]
  }

  /**
   * Attaches a pod's namespace to the network (CNI ADD) and returns its addresses. A failure is undone by DEL before
   * it is thrown; what fails in that is in the error's `cleanup`, and `teardown` tries again.
   * Throws unavailable without a usable configuration, already_exists for a sandbox that is attached,
   * deadline_exceeded or cancelled for the caller's patience, else what the plugin's error became.
   */
  async setup(pod: PodAttachment, patience: Patience): Promise<PodNetworkResult> {
    assertId(pod.sandboxId)
    const args = podArgs(pod)
    const offered = capabilityArgs(pod, this.#podCidrs)
    const runner = this.#runner(patience)
    return await this.#lanes.run(pod.sandboxId, runner.signal, async () => {
      const list = await this.#currentList(pod.sandboxId)
      const attachment = {
        network: list.name,
        sandboxId: pod.sandboxId,
        ifName: podInterface,
        config: list.text,
        netnsPath: pod.netnsPath,
        netnsIdentity: await requireNetns(pod),
        args,
        capabilityArgs: offered,
        result: undefined,
      }
      // the caller's patience may be what ended: undoing has its own
      const undoRunner = () => this.#runner({ deadlineMs: this.#options.cleanupTimeoutMs })
      return await attach(this.#cache, list, attachment, this.#options.ipPreference, runner, undoRunner)
    })
  }

  /**
   * Detaches a pod (CNI DEL), with the configuration it was attached with. Repeatable: a pod that is not on record,
   * a namespace that is gone, a DEL done before are successes. Throws what the plugin's error became.
   */
  async teardown(pod: PodDetachment, patience: Patience): Promise<void> {
    assertId(pod.sandboxId)
    const runner = this.#runner(patience)
    await this.#lanes.run(pod.sandboxId, runner.signal, async () => {
      const { networks } = this.#options.configurations.snapshot()
      for (const entry of await this.#cache.list(pod.sandboxId)) {
        await detach(this.#cache, entry, pod.netnsPath, networks, runner)
      }
    })
  }

  /** Asks the plugins whether the pod's attachment is as they made it (CNI CHECK, from 0.4.0). */
  async check(pod: PodDetachment, patience: Patience): Promise<void> {
    assertId(pod.sandboxId)
    const runner = this.#runner(patience)
    await this.#lanes.run(pod.sandboxId, runner.signal, async () => {
      const entries = await this.#cache.list(pod.sandboxId)
      if (entries.length === 0) throw notAttached(pod.sandboxId)
      for (const entry of entries) await checkAttachment(entry, pod.netnsPath, runner)
    })
  }

  /** NetworkReady, from memory. An answer older than statusMaxAgeMs is renewed in the background. */
  status(): NetworkStatus {
    return this.#probe.status()
  }

  /** NetworkReady after a fresh look at the configuration, the binaries and, from 1.1.0, the plugins' STATUS. */
  async probe(): Promise<NetworkStatus> {
    return await this.#probe.probe()
  }

  /** What is on record, from disk: sandbox ids with the addresses of those whose ADD came to its end. */
  async attachments(): Promise<ReadonlyMap<string, PodNetworkResult | undefined>> {
    const found = new Map<string, PodNetworkResult | undefined>()
    for (const { key, attachment } of await this.#cache.list()) {
      const result = attachment?.result === undefined ? undefined : readResult(attachment.result, '1.1.0')
      found.set(key.sandboxId, result && podAnswer(key.network, result, this.#options.ipPreference))
    }
    return found
  }

  /**
   * Ends plugins that an earlier gantryd left in the middle of ADD. To be called once at start, before the teardown of
   * the pods they belong to. Throws unavailable when one does not go within `deadlineMs`.
   */
  async killStragglers(deadlineMs: number): Promise<void> {
    const entries = await this.#cache.list()
    const unfinished = entries.filter(({ attachment }) => attachment?.result === undefined)
    const ids = new Set(unfinished.map(({ key }) => key.sandboxId))
    const [left] = await killStragglers(this.#options.cacheDir, ids, deadlineMs)
    if (left === undefined) return
    const reason = `process ${left.pid} is still there after ${deadlineMs} ms`
    throw new GantryError('unavailable', { action: 'end cni plugin of pod', subject: left.sandboxId, reason })
  }

  /**
   * Detaches every recorded sandbox that is not in `valid`, then tells the plugins (CNI GC, from 1.1.0) which
   * attachments are. Runs alone: setups and teardowns wait. All failures are collected into one error.
   */
  async gc(valid: ReadonlySet<string>, patience: Patience): Promise<void> {
    const runner = this.#runner(patience)
    const { networks } = this.#options.configurations.snapshot()
    const failures = await this.#lanes.exclusive(runner.signal, async () => {
      const collected: unknown[] = []
      for (const entry of await this.#cache.list()) {
        if (valid.has(entry.key.sandboxId)) continue
        await detach(this.#cache, entry, undefined, networks, runner).catch((error) => collected.push(error))
      }
      for (const list of networks) {
        if (list.disableGc || !isAtLeast(list.cniVersion, '1.1.0')) continue
        const attachments = [...valid].map((sandboxId) => ({ containerID: sandboxId, ifname: podInterface }))
        collected.push(...(await gcList(list, attachments, runner)))
      }
      return collected
    })
    const [cause, ...cleanup] = failures
    if (cause !== undefined) throw new GantryError('internal', { action: 'collect pod networks', cause, cleanup })
  }

  async #currentList(sandboxId: string): Promise<NetworkList> {
    const { configurations } = this.#options
    const list = configurations.current() ?? (await configurations.refresh()).networks[0]
    if (list !== undefined) return list
    const reason = configurations.status().message
    throw new GantryError('unavailable', { action: 'set up pod network', subject: sandboxId, reason })
  }

  #runner({ deadlineMs: wanted, signal }: Patience): Runner {
    const deadlineMs = Math.max(0, Math.min(wanted, longestTimerMs))
    const timeout = AbortSignal.timeout(deadlineMs)
    return {
      pluginDirs: this.#options.pluginDirs,
      env: { ...this.#options.env, [ownerVariable]: this.#options.cacheDir },
      now: this.#options.now,
      deadline: this.#options.now() + deadlineMs,
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      turn: () => this.#turns.next(),
      onInvocation: this.#options.onInvocation ?? (() => undefined),
    }
  }
}

async function requireNetns({ sandboxId, netnsPath }: PodAttachment): Promise<string> {
  const identity = await netnsIdentity(netnsPath)
  if (identity !== undefined) return identity
  const reason = `${JSON.stringify(netnsPath)} is not a network namespace`
  throw new GantryError('failed_precondition', { action: 'set up pod network', subject: sandboxId, reason })
}

function assertId(sandboxId: string): void {
  if (isCniName(sandboxId)) return
  throw new GantryError('invalid_argument', { action: 'use as cni container id', subject: sandboxId })
}
