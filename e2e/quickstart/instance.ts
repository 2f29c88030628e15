// SPDX-License-Identifier: Apache-2.0
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CriClient, createCriClient } from '../../cri-proto/index.ts'
import { hasCode, messageOf } from '../../runtime-core/errors.ts'
import { writeBridgeNetwork } from '../bench/network.ts'
import { killAll, removeCgroups, removeLink, unmountBelow } from '../bench/peers/leftovers.ts'
import { findCniPlugins } from '../harness/cni-config.ts'
import { GantrydProcess } from '../harness/gantryd-process.ts'
import { describeLeaks } from '../harness/leaks.ts'
import { type Marks, tracesOf } from '../harness/traces.ts'
import { waitFor } from '../harness/wait.ts'
import type { PodPlace } from './pod.ts'

const CALL_TIMEOUT_MS = 60_000
const GONE_TIMEOUT_MS = 10_000
const READY_TIMEOUT_MS = 5_000

/** A gantryd of the tour's own: everything of it lies below one directory, beside whatever else runs on the machine. */
export class Instance {
  readonly directory: string
  readonly daemon: GantrydProcess
  readonly flags: readonly string[]
  readonly network: PodPlace['network']
  readonly client: CriClient
  readonly #marks: Marks

  private constructor(marks: Marks, flags: readonly string[], network: PodPlace['network']) {
    this.directory = marks.directory
    this.flags = flags
    this.network = network
    this.#marks = marks
    this.daemon = new GantrydProcess(this.directory, join(this.directory, 'gantry.sock'), flags)
    this.client = createCriClient(this.endpoint, { defaultTimeoutMs: CALL_TIMEOUT_MS })
  }

  /** Makes the directories and a bridge network where CNI plugins are installed; the daemon does not run yet. */
  static async prepare(): Promise<Instance> {
    const directory = await mkdtemp(join(tmpdir(), 'gantry-tour-'))
    // What is mapped to an ordinary user must be able to pass through to its root file system.
    await chmod(directory, 0o711)
    const marks = marksOf(directory)
    const plugins = await findCniPlugins().catch((error: unknown) => {
      if (hasCode(error, 'failed_precondition')) return undefined
      throw error
    })
    if (plugins === undefined) await mkdir(join(directory, 'net.d'))
    else await writeBridgeNetwork(directory, marks.bridge, `${marks.addressPrefix}0/24`)
    const flags = {
      listen: `unix://${join(directory, 'gantry.sock')}`,
      root: join(directory, 'root'),
      state: join(directory, 'state'),
      'cni-conf-dir': join(directory, 'net.d'),
      'cni-bin-dir': plugins ?? '/opt/cni/bin',
      'registry-config-dir': join(directory, 'certs.d'),
      'metrics-listen': `unix:${join(directory, 'metrics.sock')}`,
    }
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`)
    return new Instance(marks, args, plugins === undefined ? 'host' : 'pod')
  }

  get endpoint(): string {
    return `unix://${join(this.directory, 'gantry.sock')}`
  }

  get place(): PodPlace {
    return {
      directory: this.directory,
      logDirectory: join(this.directory, 'logs'),
      cgroupParent: `/${this.#marks.cgroup}`,
      network: this.network,
    }
  }

  /** Waits until nothing of the pod is left on the host; fails with the list of what is. */
  async expectNothingLeft(): Promise<void> {
    let left = await tracesOf(this.#marks)
    const isGone = async (): Promise<boolean> => {
      left = await tracesOf(this.#marks)
      return left.length === 0
    }
    await waitFor('nothing is left', isGone, GONE_TIMEOUT_MS).catch(() => {
      throw new Error(describeLeaks(left))
    })
  }

  /** Takes away the things that outlive pods by design: the plugins' bridge, the cgroup that the pods were put into. */
  async removeScaffold(): Promise<void> {
    await removeLink(this.#marks.bridge)
    await removeCgroups(this.#marks.cgroup)
  }

  /** Ends everything, in whatever state the tour stopped; idempotent. Problems are told, not thrown. */
  async sweep(report: (problem: string) => void): Promise<void> {
    const attempt = async (work: () => Promise<unknown>): Promise<void> => {
      await work().catch((error: unknown) => report(messageOf(error)))
    }
    if (this.daemon.running) await attempt(() => this.#removePods())
    this.client.close()
    await attempt(() => this.daemon.kill('SIGTERM'))
    await attempt(async () => {
      const processes = (await tracesOf(this.#marks)).filter(({ kind }) => kind === 'process')
      await killAll(processes.map(({ what }) => Number(what.split(' ')[0])))
    })
    await attempt(() => this.removeScaffold())
    await attempt(async () => {
      await unmountBelow(this.directory)
      await rm(this.directory, { recursive: true, force: true })
    })
  }

  async #removePods(): Promise<void> {
    // It may have been started just now.
    await this.client.ready(READY_TIMEOUT_MS)
    const { items } = await this.client.runtime.listPodSandbox({})
    for (const { id } of items) {
      await this.client.runtime.stopPodSandbox({ podSandboxId: id })
      await this.client.runtime.removePodSandbox({ podSandboxId: id })
    }
  }
}

/** Names and addresses by the process id: two tours at the same time do not meet. */
function marksOf(directory: string): Marks {
  const { pid } = process
  return {
    directory,
    cgroup: `gantry-tour-${pid}`,
    bridge: `gtour${pid}`,
    addressPrefix: `10.${150 + ((pid >> 8) % 50)}.${pid % 256}.`,
  }
}
