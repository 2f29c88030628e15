// SPDX-License-Identifier: Apache-2.0
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Authority } from './certificates.ts'
import { Component, freePort } from './component.ts'

/** The node's name, and so its address: everything stays on loopback. */
export const NODE_NAME = '127.0.0.1'

/** Fields of KubeletConfiguration (kubelet.config.k8s.io/v1beta1) over those of the harness. */
export type KubeletSettings = Readonly<Record<string, unknown>>

/** What a kubelet is started with. */
export interface KubeletOptions {
  readonly directory: string
  readonly runtimeEndpoint: string
  /** Name of the cgroup below which it makes all of its own; it must exist in every hierarchy. */
  readonly cgroup: string
  /** Without it the kubelet runs its static pods and knows no API server. */
  readonly plane?: { readonly authority: Authority; readonly server: string }
  readonly settings?: KubeletSettings
}

/** A kubelet with everything of its own below one directory. */
export class Kubelet {
  readonly #options: KubeletOptions
  readonly #port: number
  readonly #component: Component

  private constructor(options: KubeletOptions, port: number, component: Component) {
    this.#options = options
    this.#port = port
    this.#component = component
  }

  /** Writes its configuration and certificates; it does not run yet. */
  static async prepare(options: KubeletOptions): Promise<Kubelet> {
    const { directory, plane } = options
    for (const name of ['root', 'pod-logs', 'static-pods', 'plugins']) {
      await mkdir(join(directory, name), { recursive: true })
    }
    const healthPort = await freePort()
    const args = [
      `--config=${join(directory, 'kubelet.json')}`,
      `--root-dir=${join(directory, 'root')}`,
      `--cert-dir=${join(directory, 'pki')}`,
      `--hostname-override=${NODE_NAME}`,
      '--v=2',
    ]
    if (plane !== undefined) args.push(`--kubeconfig=${await kubeconfigOf(plane)}`)
    const isReady = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${healthPort}/healthz`)).ok
    const component = new Component({ program: 'kubelet', directory, args, isReady })
    const kubelet = new Kubelet(options, await freePort(), component)
    await kubelet.configure({ healthzPort: healthPort, ...options.settings })
    return kubelet
  }

  get running(): boolean {
    return this.#component.running
  }

  get pid(): number {
    return this.#component.pid
  }

  /** Manifests put here run as static pods. */
  get staticPodDirectory(): string {
    return join(this.#options.directory, 'static-pods')
  }

  /** Where it serves logs, statistics and streams. */
  get endpoint(): string {
    return `https://${NODE_NAME}:${this.#port}`
  }

  start(): Promise<void> {
    return this.#component.start()
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    return this.#component.stop(signal)
  }

  log(): Promise<string> {
    return this.#component.log()
  }

  #settings: KubeletSettings = {}

  /** Changes fields of its configuration, for its next start. */
  async configure(change: KubeletSettings): Promise<void> {
    this.#settings = { ...this.#settings, ...change }
    const configuration = { ...(await this.#standard()), ...this.#settings }
    await writeFile(join(this.#options.directory, 'kubelet.json'), JSON.stringify(configuration, undefined, 2))
  }

  async #standard(): Promise<KubeletSettings> {
    const { directory, runtimeEndpoint, cgroup, plane } = this.#options
    return {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      address: '127.0.0.1',
      port: this.#port,
      readOnlyPort: 0,
      containerRuntimeEndpoint: runtimeEndpoint,
      cgroupDriver: 'cgroupfs',
      cgroupRoot: `/${cgroup}`,
      failCgroupV1: false,
      failSwapOn: false,
      podLogsDir: join(directory, 'pod-logs'),
      staticPodPath: this.staticPodDirectory,
      volumePluginDir: join(directory, 'plugins'),
      // A container may not lower it.
      oomScoreAdj: 0,
      makeIPTablesUtilChains: false,
      resolvConf: '',
      // The machine's disk is not the scenarios': who wants to be evicted sets its own thresholds.
      evictionHard: NEVER,
      imageGCHighThresholdPercent: 100,
      serializeImagePulls: false,
      registryPullQPS: 0,
      eventRecordQPS: 0,
      kubeAPIQPS: 500,
      kubeAPIBurst: 1000,
      fileCheckFrequency: '1s',
      syncFrequency: '10s',
      nodeStatusUpdateFrequency: '2s',
      ...(plane === undefined ? STANDALONE : await securedBy(plane.authority)),
    }
  }
}

const NEVER = {
  'memory.available': '0%',
  'nodefs.available': '0%',
  'nodefs.inodesFree': '0%',
  'imagefs.available': '0%',
  'imagefs.inodesFree': '0%',
}

const STANDALONE = {
  authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
  authorization: { mode: 'AlwaysAllow' },
  enableServer: true,
}

async function securedBy(authority: Authority): Promise<KubeletSettings> {
  const serving = await authority.issue('kubelet-serving', {
    commonName: `system:node:${NODE_NAME}`,
    organization: 'system:nodes',
    alternativeNames: `IP:${NODE_NAME}`,
  })
  return {
    tlsCertFile: serving.certFile,
    tlsPrivateKeyFile: serving.keyFile,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: authority.certFile },
    },
    authorization: { mode: 'Webhook' },
  }
}

async function kubeconfigOf({ authority, server }: NonNullable<KubeletOptions['plane']>): Promise<string> {
  const subject = { commonName: `system:node:${NODE_NAME}`, organization: 'system:nodes' }
  return authority.kubeconfig('kubelet', await authority.issue('kubelet', subject), server)
}
