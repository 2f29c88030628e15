// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { GantryError } from '../../runtime-core/errors.ts'
import { runCommand } from '../images/command.ts'

/** How a private containerd is set up. Everything it writes stands below `directory`. */
export interface ContainerdOptions {
  readonly directory: string
  /** A certs.d tree with hosts.toml files. */
  readonly certsDirectory: string
  readonly cniConfDirectory: string
  readonly cniBinDirectory: string
  readonly sandboxImage: string
  /** Bridge its CNI configuration makes, deleted at the end. */
  readonly bridge?: string
  /** The path of crictl; with it, pods that a suite left are taken down properly before the end. */
  readonly crictl?: string
  /** The program; `containerd` of the PATH where not given. */
  readonly program?: string
  /** The OCI runtime below its shim; runc of the PATH where neither this nor GANTRY_E2E_OCI_RUNTIME is given. */
  readonly ociRuntime?: string
  /** Has the runtime make cgroups by systemd. */
  readonly systemdCgroup?: true
}

const READY_TIMEOUT_MS = 30_000
const STOP_TIMEOUT_MS = 10_000
const POLL_MS = 50

/**
 * A containerd of our own as the peer: to prove that a suite is right, and to measure against. It shares nothing with
 * one that the host runs, but `/run/containerd/s`, where its shims keep their sockets.
 */
export class PrivateContainerd {
  readonly endpoint: string
  readonly #options: ContainerdOptions
  #child: ChildProcess

  private constructor(options: ContainerdOptions, child: ChildProcess) {
    this.#options = options
    this.#child = child
    this.endpoint = `unix://${socketOf(options)}`
  }

  /** Starts it and waits for its socket; what it logs goes to `<directory>/containerd.log`. */
  static async start(options: ContainerdOptions): Promise<PrivateContainerd> {
    await mkdir(options.directory, { recursive: true })
    const started = new PrivateContainerd(options, await launch(options))
    try {
      await started.#ready()
    } catch (error) {
      await started.stop()
      throw error
    }
    return started
  }

  /** The daemon's process id. */
  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Ends the daemon by a signal, and waits for its end. Its pods go on. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill(signal)
    await ended
  }

  /** Starts it again after `kill`, and waits for its socket. */
  async restart(): Promise<void> {
    this.#child = await launch(this.#options)
    await this.#ready()
  }

  /** Ends the daemon, its remaining shims and their containers, and removes its files and its bridge. */
  async stop(): Promise<void> {
    await this.#removePods()
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit')
      this.#child.kill('SIGTERM')
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS)
      await ended
      clearTimeout(timer)
    }
    for (const pid of await shimsOf(socketOf(this.#options))) process.kill(pid, 'SIGKILL')
    await this.#unmountAll()
    await removeEmptyCgroups()
    if (this.#options.bridge !== undefined)
      await runCommand('ip', ['link', 'delete', this.#options.bridge]).catch(String)
    await rm(this.#options.directory, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #ready(): Promise<void> {
    const deadline = Date.now() + READY_TIMEOUT_MS
    while (Date.now() < deadline && this.#child.exitCode === null) {
      if (await answers(socketOf(this.#options))) return
      await delay(POLL_MS)
    }
    const log = await readFile(join(this.#options.directory, 'containerd.log'), 'utf8')
    throw new GantryError('unavailable', {
      action: 'start containerd in',
      subject: this.#options.directory,
      reason: log.trim().split('\n').at(-1) ?? 'it said nothing',
    })
  }

  // Their network namespaces stand in /run/netns beside those of others: only the daemon knows which are its own. A pod
  // whose start was broken off is undone by the daemon in its own time; until then its network's result is cached.
  async #removePods(): Promise<void> {
    const { crictl, bridge } = this.#options
    if (crictl === undefined || this.#child.exitCode !== null) return
    const args = ['--runtime-endpoint', this.endpoint, '--timeout', '30s', 'rmp', '--all', '--force']
    const deadline = Date.now() + STOP_TIMEOUT_MS
    do {
      await runCommand(crictl, args).catch(String)
      if (bridge === undefined || !(await hasCachedResults(bridge))) return
      await delay(POLL_MS)
    } while (Date.now() < deadline)
  }

  async #unmountAll(): Promise<void> {
    const text = await readFile('/proc/self/mountinfo', 'utf8')
    const points = text.split('\n').map((line) => line.split(' ')[4] ?? '')
    const ours = points.filter((point) => point.startsWith(`${this.#options.directory}/`))
    for (const point of ours.reverse()) await runCommand('umount', ['-l', point])
  }
}

async function launch(options: ContainerdOptions): Promise<ChildProcess> {
  const config = join(options.directory, 'config.toml')
  await writeFile(config, configuration(options))
  const log = await open(join(options.directory, 'containerd.log'), 'a')
  const child = spawn(options.program ?? 'containerd', ['--config', config], { stdio: ['ignore', log.fd, log.fd] })
  await once(child, 'spawn')
  await log.close()
  return child
}

// libcni names a cached result by network, container and interface; writeBridgeConfig names a network as its bridge.
async function hasCachedResults(network: string): Promise<boolean> {
  const names = await readdir('/var/lib/cni/results').catch(() => [])
  return names.some((name) => name.startsWith(`${network}-`))
}

// The parent of its containers' cgroups in each hierarchy; one that still holds others' does not let itself be removed.
async function removeEmptyCgroups(): Promise<void> {
  const root = '/sys/fs/cgroup'
  const parents = ['', ...(await readdir(root))].map((hierarchy) => join(root, hierarchy, 'k8s.io'))
  await Promise.allSettled(parents.map((path) => rmdir(path)))
}

function socketOf({ directory }: ContainerdOptions): string {
  return join(directory, 'containerd.sock')
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const settle = (result: boolean): void => {
      socket.destroy()
      resolve(result)
    }
    socket.once('connect', () => settle(true)).once('error', () => settle(false))
  })
}

async function shimsOf(socket: string): Promise<number[]> {
  const found: number[] = []
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (command.includes('containerd-shim') && command.split('\0').includes(socket)) found.push(Number(pid))
  }
  return found
}

// Configuration version 2 is read by containerd 1.6 (Debian 12) up to 2.x. Without CAP_SYS_RESOURCE, as inside a
// container, nobody may lower oom_score_adj and no sandbox would start: restrict_oom_score_adj leaves it alone.
function configuration(options: ContainerdOptions): string {
  const quote = (text: string): string => JSON.stringify(text)
  return `version = 2
root = ${quote(join(options.directory, 'root'))}
state = ${quote(join(options.directory, 'state'))}
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.tracing"]
[grpc]
  address = ${quote(socketOf(options))}
[ttrpc]
  address = ${quote(`${socketOf(options)}.ttrpc`)}
[plugins."io.containerd.internal.v1.opt"]
  path = ${quote(join(options.directory, 'opt'))}
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${quote(options.sandboxImage)}
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = ${quote(options.certsDirectory)}
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = ${quote(options.cniBinDirectory)}
    conf_dir = ${quote(options.cniConfDirectory)}
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = ${quote(options.ociRuntime ?? process.env['GANTRY_E2E_OCI_RUNTIME'] ?? '')}
      SystemdCgroup = ${options.systemdCgroup === true}
`
}
