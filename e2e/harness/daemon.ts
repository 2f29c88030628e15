// SPDX-License-Identifier: Apache-2.0
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type CriClient, createCriClient, ImageSpec } from '../../cri-proto/index.ts'
import { killAll, removeCgroups, removeLink, unmountBelow } from '../bench/peers/leftovers.ts'
import { ensureImages } from '../images/build.ts'
import { runCommand } from '../images/command.ts'
import { writeCertsD } from '../registry/certs-d.ts'
import { RegistryServer } from '../registry/server.ts'
import { findCniPlugins, writeBridgeConfig } from './cni-config.ts'
import { PrivateContainerd } from './containerd.ts'
import { type DaemonEnd, GantrydProcess } from './gantryd-process.ts'
import { describeLeaks } from './leaks.ts'
import { removeNatRules } from './nat-rules.ts'
import { buildSuiteImages, IMAGES, OTHER_REGISTRY, SUITE_REGISTRY } from './suite-images.ts'
import { type Marks, tracesOf } from './traces.ts'
import { waitFor } from './wait.ts'
import { type PodPlace, Workloads } from './workloads.ts'

/** What a suite wants of its daemon. */
export interface DaemonOptions {
  /** `bridge`: a private bridge by the reference plugins; `none`: no CNI configuration. */
  readonly network: 'bridge' | 'none'
  /** What its registry has; `quickstart` takes no compiler. Default: `suite`. */
  readonly images?: 'suite' | 'quickstart'
  /** Images to be there before the first test; they are pulled from the suite's registry. */
  readonly pull?: readonly string[]
  /** Flags of gantryd over those of the harness, by name without dashes. */
  readonly flags?: Readonly<Record<string, string>>
  readonly env?: NodeJS.ProcessEnv
  /** Which runtime it is; where it is not said the environment does. */
  readonly runtime?: 'gantry' | 'containerd'
  /** Puts it in front of a private containerd, which shares network and registry with it. */
  readonly beside?: 'containerd'
  /** The OCI runtime below containerd's shims; runc where not given. */
  readonly ociRuntime?: string
  /** A file system of this size (tmpfs: `8m`) for its root directory, to fill it up. */
  readonly rootSize?: string
}

const CALL_TIMEOUT_MS = 60_000
const GONE_TIMEOUT_MS = 10_000
const METRICS_SOCKET = 'metrics.sock'

/**
 * A daemon in a private directory, with a registry, a network and images of its own. With GANTRY_E2E_PEER=containerd a
 * private containerd takes its place: a test that containerd fails is probably wrong itself.
 */
export class DaemonUnderTest implements AsyncDisposable {
  readonly directory: string
  readonly socket: string
  readonly client: CriClient
  readonly workloads: Workloads
  readonly registry: RegistryServer
  readonly marks: Marks
  readonly #gantryd: GantrydProcess | undefined
  readonly #containerd: PrivateContainerd | undefined
  readonly #env: NodeJS.ProcessEnv
  #disposed = false

  private constructor(parts: Parts) {
    this.directory = parts.marks.directory
    this.marks = parts.marks
    this.registry = parts.registry
    this.socket = parts.socket
    this.#gantryd = parts.gantryd
    this.#containerd = parts.containerd
    this.#env = parts.env
    this.client = createCriClient(`unix://${parts.socket}`, { defaultTimeoutMs: CALL_TIMEOUT_MS })
    this.workloads = new Workloads(this.client)
  }

  /** Starts it; ready when the socket answers and the wanted images are there. */
  static async start(options: DaemonOptions): Promise<DaemonUnderTest> {
    const directory = await mkdtemp(join(tmpdir(), 'ge-'))
    // What is mapped to an ordinary user must be able to pass through to its root file system.
    await chmod(directory, 0o711)
    const daemon = new DaemonUnderTest(await assemble(directory, options))
    try {
      if (options.rootSize !== undefined) await mountSmallRoot(daemon.root, options.rootSize)
      await daemon.#gantryd?.start(daemon.#env)
      await Promise.all((options.pull ?? []).map((image) => daemon.pull(image)))
      return daemon
    } catch (error) {
      await daemon[Symbol.asyncDispose]().catch(String)
      throw error
    }
  }

  /** True where containerd has the daemon's place. */
  get isPeer(): boolean {
    return this.#gantryd === undefined
  }

  /** Persistent and runtime state of gantryd. */
  get root(): string {
    return join(this.directory, 'root')
  }

  get state(): string {
    return join(this.directory, 'state')
  }

  get cniConfDirectory(): string {
    return join(this.directory, 'net.d')
  }

  /** Plugins a suite puts there come before the machine's own. */
  get pluginDirectory(): string {
    return join(this.directory, 'plugins')
  }

  /** The runtime that it stands in front of. */
  get upstream(): PrivateContainerd {
    if (this.#containerd === undefined) throw new Error('it was not started beside another runtime')
    return this.#containerd
  }

  get pid(): number {
    return this.#process.pid
  }

  /** False where gantryd has been ended; a peer is taken to run. */
  get running(): boolean {
    return this.#gantryd?.running !== false
  }

  get place(): PodPlace {
    return { logDirectory: join(this.directory, 'logs'), cgroupParent: `/${this.marks.cgroup}` }
  }

  /** Ends the daemon by a signal, and waits for its end. Pods go on. */
  async kill(signal: NodeJS.Signals): Promise<DaemonEnd> {
    return this.#process.kill(signal)
  }

  /** Starts it again, after it has been stopped by SIGTERM where it runs. */
  async restart(): Promise<void> {
    if (this.#process.running) await this.#process.kill('SIGTERM')
    await this.#process.start(this.#env)
  }

  async pull(image: string): Promise<string> {
    const { imageRef } = await this.client.image.pullImage({ image: imageSpec(image) })
    return imageRef
  }

  /** All that the daemon said. */
  log(): Promise<string> {
    return this.#process.log()
  }

  /** The text of `/metrics`. */
  metrics(): Promise<string> {
    return fetchOverSocket(join(this.directory, METRICS_SOCKET), '/metrics')
  }

  /** What is on the host of the pods of this daemon; the daemon itself does not count. */
  async traces(): Promise<string[]> {
    const found = await tracesOf(this.marks)
    const own = new Set(this.#gantryd === undefined ? [] : [String(this.#gantryd.pid)])
    return found
      .filter(({ kind, what }) => kind !== 'process' || (!own.has(what.split(' ')[0] ?? '') && !isHelper(what)))
      .map(({ kind, what }) => `${kind} ${what}`)
  }

  /** Waits until nothing of any pod is left on the host; what is, is in the error. */
  async expectNoTraces(): Promise<void> {
    let left: string[] = []
    const gone = async () => {
      left = await this.traces()
      return left.length === 0
    }
    await waitFor('the host is as before', gone, GONE_TIMEOUT_MS).catch(() => {
      throw new Error(`left behind:\n${left.join('\n')}`)
    })
  }

  /** Removes all pods, stops the daemon, takes everything away. Whatever the daemon left behind is an error. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    const problems: string[] = []
    const attempt = async (what: string, work: () => Promise<unknown>): Promise<void> => {
      await work().catch((error: unknown) =>
        problems.push(`${what}: ${error instanceof Error ? error.message : error}`),
      )
    }
    if (this.running) await attempt('remove pods', () => this.workloads.removeAllPods())
    this.client.close()
    await attempt('stop daemon', () => this.#stop())
    if (this.#gantryd !== undefined) await attempt('leaks', () => this.#expectNothing())
    await attempt('clean up', () => this.#sweep())
    await this.registry.close()
    await rm(this.directory, { recursive: true, force: true })
    if (problems.length > 0) throw new Error(problems.join('\n'))
  }

  get #process(): GantrydProcess {
    if (this.#gantryd === undefined) throw new Error('a peer is not ours to stop, start and read')
    return this.#gantryd
  }

  async #stop(): Promise<void> {
    if (this.#gantryd?.running === true) {
      const { code, signal } = await this.#gantryd.kill('SIGTERM')
      if (code !== 0) throw new Error(`gantryd ended with ${code ?? signal} on SIGTERM`)
    }
    await this.#containerd?.stop()
  }

  async #expectNothing(): Promise<void> {
    let left = await tracesOf(this.marks)
    const gone = async () => {
      left = await tracesOf(this.marks)
      return left.length === 0
    }
    await waitFor('nothing is left', gone, GONE_TIMEOUT_MS).catch(() => {
      throw new Error(describeLeaks(left))
    })
  }

  /** So that a failure costs the machine nothing: what is left has been told, and goes now. */
  async #sweep(): Promise<void> {
    const processes = (await tracesOf(this.marks)).filter(({ kind }) => kind === 'process')
    await killAll(processes.map(({ what }) => Number(what.split(' ')[0])))
    await unmountBelow(this.directory)
    await removeCgroups(this.marks.cgroup)
    await removeLink(this.marks.bridge)
    await removeNatRules(this.marks.bridge)
  }
}

interface Parts {
  readonly marks: Marks
  readonly socket: string
  readonly registry: RegistryServer
  readonly gantryd: GantrydProcess | undefined
  readonly containerd: PrivateContainerd | undefined
  readonly env: NodeJS.ProcessEnv
}

/** An image reference as a request carries it. */
export function imageSpec(image: string): ImageSpec {
  return ImageSpec.create({ image })
}

async function mountSmallRoot(path: string, size: string): Promise<void> {
  await mkdir(path)
  await runCommand('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=711`, 'tmpfs', path])
}

async function assemble(directory: string, options: DaemonOptions): Promise<Parts> {
  const registry = await RegistryServer.start({
    layouts: options.images === 'quickstart' ? [await ensureImages('quickstart')] : await buildSuiteImages(directory),
  })
  const certsDirectory = join(directory, 'certs.d')
  await writeCertsD(certsDirectory, { registries: [SUITE_REGISTRY, OTHER_REGISTRY], endpoint: registry.endpoint })
  const marks = marksOf(directory)
  const cniConfDirectory = join(directory, 'net.d')
  const cniBinDirectory = await findCniPlugins()
  await mkdir(cniConfDirectory)
  await mkdir(join(directory, 'plugins'))
  if (options.network === 'bridge') {
    const subnet = `${marks.addressPrefix}0/24`
    await writeBridgeConfig(cniConfDirectory, { bridge: marks.bridge, subnet, ipamDirectory: join(directory, 'ipam') })
  }
  const common = { marks, registry, env: options.env ?? {} }
  const isPeer = (options.runtime ?? process.env['GANTRY_E2E_PEER']) === 'containerd'
  const containerd =
    isPeer || options.beside === 'containerd'
      ? await PrivateContainerd.start({
          directory: join(directory, 'containerd'),
          certsDirectory,
          cniConfDirectory,
          cniBinDirectory,
          sandboxImage: IMAGES.pause,
          ...(options.ociRuntime === undefined ? {} : { ociRuntime: options.ociRuntime }),
        })
      : undefined
  if (isPeer && containerd !== undefined) {
    const socket = containerd.endpoint.slice('unix://'.length)
    return { ...common, socket, containerd, gantryd: undefined }
  }
  const socket = join(directory, 'gantry.sock')
  const flags = {
    listen: `unix://${socket}`,
    root: join(directory, 'root'),
    state: join(directory, 'state'),
    'cni-conf-dir': cniConfDirectory,
    'cni-bin-dir': `${join(directory, 'plugins')}:${cniBinDirectory}`,
    'registry-config-dir': certsDirectory,
    'metrics-listen': `unix:${join(directory, METRICS_SOCKET)}`,
    ...(containerd === undefined ? {} : { 'upstream-endpoint': containerd.endpoint }),
    ...options.flags,
  }
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`)
  return { ...common, socket, containerd, gantryd: new GantrydProcess(directory, socket, args) }
}

// Names and addresses are unique on the machine as long as the process ids of the suites are.
function marksOf(directory: string): Marks {
  const { pid } = process
  return {
    directory,
    cgroup: `ge-${pid}`,
    bridge: `ge${pid}`,
    addressPrefix: `10.${200 + ((pid >> 8) % 50)}.${pid % 256}.`,
  }
}

/** Children by which gantryd works: they end with it. */
function isHelper(what: string): boolean {
  return /^\d+ (node|MainThread) /.test(what)
}

function fetchOverSocket(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const ask = request({ socketPath, path }, (response) => {
      text(response).then(resolve, reject)
    })
    ask.on('error', reject).end()
  })
}
