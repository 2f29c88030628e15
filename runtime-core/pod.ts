// SPDX-License-Identifier: Apache-2.0
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cgroupBelow } from './cgroup/current.ts'
import type { CgroupDriver } from './cgroup/driver.ts'
import type { CgroupPlan, CgroupUnit } from './cgroup/plan.ts'
import { errnoOf, GantryError, hasCode } from './errors.ts'
import { KeeperClient, type LaunchRequest, type LaunchResult, type OutputSink } from './keeper/client.ts'
import { IO, type ProcessRecord, type SignalScope } from './keeper/protocol.ts'
import type { KeeperSpawner } from './keeper/spawn.ts'
import type { StatePaths } from './paths.ts'
import { assemble } from './plan/assemble.ts'
import { compileContainer } from './plan/compile/container.ts'
import { compileExec } from './plan/compile/exec.ts'
import type { ContainerIdentity, HostFacts, RootfsMount, SeccompFilter } from './plan/compile/input.ts'
import { compilePortForward } from './plan/compile/port-forward.ts'
import { compilePlaceholder, compilePodInit, compileSandbox, type SandboxInput } from './plan/compile/sandbox.ts'
import { userNamespaceOf } from './plan/compile/user-namespace.ts'
import { planFailure } from './plan/failure.ts'
import { type Plan, type SentSlot, SLOTS } from './plan/ops.ts'
import { type ExecRequest, PodStream } from './pod-stream.ts'
import { stringifyExact } from './spec/json.ts'
import type { OciSeccomp, OciSpec } from './spec/types.ts'
import { writeLaunchRecord } from './state/launch-record.ts'

/** What pods share: handed in once by whoever makes them. */
export interface PodEnvironment {
  readonly paths: StatePaths
  readonly spawner: KeeperSpawner
  readonly host: HostFacts
  readonly compileSeccomp: (profile: OciSeccomp) => Promise<SeccompFilter>
  readonly compileCgroup: (cgroupsPath: string, resources: NonNullable<OciSpec['linux']>['resources']) => CgroupPlan
  /** Who makes the unit of a cgroup plan that has one. */
  readonly units: Pick<CgroupDriver, 'startUnit' | 'settleUnit'>
  /** A container of a pod ended; its log is complete. */
  readonly onExit: (podId: string, record: ProcessRecord) => void
  /** A pod's keeper is gone, and all its processes with it. */
  readonly onKeeperLost: (podId: string, error: GantryError) => void
  /** The record of a start, for `gantry explain`, could not be written. */
  readonly onRecordFailure: (bundle: string, error: unknown) => void
  /** A start that takes longer is ended, and the error names the operation it hung in. */
  readonly launchDeadlineMs: number
}

/** What a pod is made of. */
export interface PodOptions extends Omit<SandboxInput, 'shm'> {
  /** All containers share one PID namespace, with a tiny init of the keeper's. */
  readonly sharedPid: boolean
  /** Bytes of the pod's /dev/shm; undefined: the host's is used. */
  readonly shmSizeBytes: number | undefined
}

/** Paths of the pod's namespaces, for CNI plugins and config.json; absent where the host's are used. */
export type PodNamespacePaths = Readonly<Partial<Record<'network' | 'ipc' | 'uts' | 'pid' | 'user', string>>>

export interface StartRequest {
  readonly containerId: string
  readonly spec: OciSpec
  readonly rootfs: RootfsMount
  readonly makeBindSources: boolean
  readonly copyUpSources: ReadonlySet<string>
  readonly stdin: boolean
  readonly stdinOnce: boolean
  /** Absolute; "" for no log. */
  readonly logPath: string
  readonly maxLogLineBytes: number
}

const NAMESPACE_SLOTS = [
  ['network', SLOTS.podNet],
  ['ipc', SLOTS.podIpc],
  ['uts', SLOTS.podUts],
  ['pid', SLOTS.podPid],
  ['user', SLOTS.podUser],
] as const
const CONTAINER_DRAIN_MS = 2000
/** Nothing but the relay itself can hold its output open. */
const FORWARD_DRAIN_MS = 0
const SIGKILL = 9

/** A pod: its keeper, its namespaces, its processes. Nothing of it lives in this process; it can be found again. */
export class Pod {
  readonly id: string
  readonly namespacePaths: PodNamespacePaths
  readonly keeperPid: number
  readonly #environment: PodEnvironment
  readonly #client: KeeperClient
  readonly #held: ReadonlyMap<string, SentSlot>
  readonly #hasShm: boolean
  readonly #cgroups = new Map<string, CgroupPlan>()

  private constructor(id: string, environment: PodEnvironment, client: KeeperClient, found: FoundPod) {
    this.id = id
    this.#environment = environment
    this.#client = client
    this.keeperPid = found.keeperPid
    const paths = NAMESPACE_SLOTS.flatMap(([type, slot]) => {
      const fd = found.descriptors.get(slot)
      return fd === undefined ? [] : [[type, slot, `/proc/${found.keeperPid}/fd/${fd}`] as const]
    })
    this.namespacePaths = Object.fromEntries(paths.map(([type, , path]) => [type, path]))
    this.#held = new Map(paths.map(([, slot, path]) => [path, slot]))
    this.#hasShm = found.descriptors.has(SLOTS.podMount)
  }

  /**
   * Makes a pod: its directory, its keeper, its namespaces. On failure nothing remains.
   *
   * @throws GantryError that names the operation which failed.
   */
  static async create(id: string, options: PodOptions, environment: PodEnvironment): Promise<Pod> {
    const { paths, spawner } = environment
    await mkdir(join(paths.pod(id), 'exits'), { recursive: true, mode: 0o711 })
    let client: KeeperClient | undefined
    try {
      const shm = options.shmSizeBytes === undefined ? undefined : paths.shm(id)
      if (shm !== undefined) await mkdir(shm, { mode: 0o755 })
      await spawner.spawn(paths.pod(id))
      client = await connect(id, environment)
      const plan = compileSandbox({
        ...options,
        shm: shm === undefined ? undefined : { directory: shm, sizeBytes: options.shmSizeBytes ?? 0 },
      })
      await launch(client, environment, `set up pod`, id, plan, { kind: 'sandbox', id: 'sandbox' })
      if (options.sharedPid) {
        const init = compilePodInit(shm !== undefined)
        await launch(client, environment, 'start init of pod', id, init, { kind: 'init', id: 'init' })
      }
      return await Pod.#greet(id, environment, client)
    } catch (error) {
      await client?.shutdown()
      await rm(paths.pod(id), { recursive: true, force: true })
      throw error
    }
  }

  /** Finds a living pod again; undefined where its keeper is gone. */
  static async reconnect(
    id: string,
    environment: PodEnvironment,
  ): Promise<{ pod: Pod; processes: readonly ProcessRecord[] } | undefined> {
    let client: KeeperClient
    try {
      client = await connect(id, environment)
    } catch (error) {
      if (hasCode(error, 'unavailable')) return undefined
      throw error
    }
    const hello = await client.hello(true)
    const found = { keeperPid: hello.pid, descriptors: hello.podDescriptors }
    return { pod: new Pod(id, environment, client, found), processes: hello.processes }
  }

  static async #greet(id: string, environment: PodEnvironment, client: KeeperClient): Promise<Pod> {
    const hello = await client.hello(true)
    return new Pod(id, environment, client, { keeperPid: hello.pid, descriptors: hello.podDescriptors })
  }

  /** The source path in a spec that stands for the pod's /dev/shm; undefined where the pod uses the host's. */
  get shmPath(): string | undefined {
    return this.#hasShm ? this.#environment.paths.shm(this.id) : undefined
  }

  /** Writes a container's bundle: config.json, and the directory its root will be mounted on. */
  async writeBundle(containerId: string, spec: OciSpec): Promise<string> {
    const bundle = this.#environment.paths.bundle(this.id, containerId)
    await mkdir(this.#environment.paths.mountPoint(this.id, containerId), { recursive: true, mode: 0o711 })
    await writeFile(join(bundle, 'config.json'), stringifyExact(spec), { mode: 0o600 })
    return bundle
  }

  /**
   * Starts a container's process. Its exit comes as `onExit`.
   *
   * @throws GantryError that names the operation which failed, its arguments and errno; nothing runs then.
   */
  async start(request: StartRequest): Promise<{ pid: number; startedAtNs: bigint }> {
    const { containerId, spec, stdin } = request
    const { host, paths } = this.#environment
    const cgroup = this.#cgroup(containerId, spec)
    const terminal = spec.process?.terminal === true
    const plan = compileContainer({
      spec,
      rootfs: request.rootfs,
      mountPoint: paths.mountPoint(this.id, containerId),
      cgroup,
      host,
      identity: this.#identity(containerId),
      podNamespaces: this.#held,
      podShm: this.shmPath,
      seccomp: await this.#seccomp(spec),
      makeBindSources: request.makeBindSources,
      copyUpSources: request.copyUpSources,
      stdio: { stdin, stdout: true, stderr: true },
    })
    const options: LaunchOptions = {
      kind: 'container',
      id: containerId,
      io:
        (stdin ? IO.stdin : 0) |
        (request.stdinOnce ? IO.stdinOnce : 0) |
        IO.stdout |
        IO.stderr |
        (terminal ? IO.terminal : 0),
      drainMs: CONTAINER_DRAIN_MS,
      maxLogLineBytes: request.maxLogLineBytes,
      logPath: request.logPath,
      oomPath: cgroup.oomFile ?? '',
      // With a PID namespace of its own the kernel ends the rest of a container with its init.
      ...(ownPidNamespace(spec) ? {} : { killPath: cgroup.killFile ?? '', procsPath: cgroup.procsFile }),
      record: paths.bundle(this.id, containerId),
    }
    const start = () => launch(this.#client, this.#environment, 'start container', containerId, plan, options)
    const result = cgroup.unit === undefined ? await start() : await this.#inUnit(cgroup.unit, containerId, start)
    return { pid: result.pid, startedAtNs: result.startedAtNs }
  }

  /**
   * Starts a container whose cgroup is a unit of systemd. The unit needs a process: one of the keeper's opens it, does
   * nothing, and is gone when the container is in it. Should this daemon die meanwhile the keeper ends it.
   */
  async #inUnit(unit: CgroupUnit, containerId: string, start: () => Promise<LaunchResult>): Promise<LaunchResult> {
    const { units } = this.#environment
    const id = `unit-${containerId}`
    const ended = Promise.withResolvers<void>()
    const sink: OutputSink = {
      output: (_, __, done) => done(),
      exit: () => ended.resolve(),
      lost: () => ended.resolve(),
    }
    const options = { kind: 'exec', id, io: IO.stream } as const
    const plan = compilePlaceholder()
    const holder = await launch(
      this.#client,
      this.#environment,
      'hold unit of container',
      containerId,
      plan,
      options,
      sink,
    )
    let result: LaunchResult
    try {
      await units.startUnit(unit, holder.pid)
      result = await start()
    } finally {
      await this.#client.signal(id, SIGKILL).catch((error: unknown) => {
        if (!hasCode(error, 'not_found', 'unavailable')) throw error
      })
      await ended.promise
    }
    await units.settleUnit(unit)
    return result
  }

  /** Starts a further process in a running container; its output and end go to `sink`. */
  async exec(request: ExecRequest, sink: OutputSink): Promise<{ pid: number }> {
    return { pid: (await this.#exec(this.#client, request, sink)).pid }
  }

  /**
   * A connection of its own to the keeper, for a process whose client may be slow.
   *
   * @throws GantryError `unavailable` where the keeper is gone.
   */
  async openStream(): Promise<PodStream> {
    return new PodStream(await KeeperClient.connect(this.#environment.paths.keeperSocket(this.id)), {
      exec: (client, request, sink) => this.#exec(client, request, sink),
      forward: (client, execId, port, sink) => this.#forward(client, execId, port, sink),
    })
  }

  async #forward(client: KeeperClient, execId: string, port: number, sink: OutputSink): Promise<LaunchResult> {
    const plan = compilePortForward(port, this.namespacePaths.network !== undefined)
    const io = IO.stdin | IO.stdout | IO.stderr | IO.stream
    const options = { kind: 'exec', id: execId, io, drainMs: FORWARD_DRAIN_MS } as const
    return launch(client, this.#environment, 'forward port to pod', this.id, plan, options, sink)
  }

  async #exec(client: KeeperClient, request: ExecRequest, sink: OutputSink): Promise<LaunchResult> {
    const cgroup = this.#cgroup(request.containerId, request.spec)
    try {
      return await this.#execIn(cgroup, client, request, sink)
    } catch (error) {
      if (errnoOf(error) !== 'EBUSY') throw error
      const unifiedDirectory = await this.#cgroupOfInit(request.containerId, cgroup)
      if (unifiedDirectory === undefined) throw error
      return await this.#execIn({ ...cgroup, unifiedDirectory }, client, request, sink)
    }
  }

  async #execIn(
    cgroup: CgroupPlan,
    client: KeeperClient,
    request: ExecRequest,
    sink: OutputSink,
  ): Promise<LaunchResult> {
    const { spec, process, stdin, stdout, stderr } = request
    const namespaces = spec.linux?.namespaces ?? []
    const plan = compileExec({
      process,
      seccomp: await this.#seccomp(spec),
      cgroup,
      host: this.#environment.host,
      stdio: { stdin, stdout, stderr },
      user: userNamespaceOf(spec.linux ?? {}, this.#held),
      spec,
      identity: this.#identity(request.containerId),
      pidNamespace: namespaces.some(({ type }) => type === 'pid'),
    })
    return launch(
      client,
      this.#environment,
      'exec in container',
      request.containerId,
      plan,
      {
        kind: 'exec',
        id: request.execId,
        target: request.containerId,
        io:
          (stdin ? IO.stdin : 0) |
          (stdout ? IO.stdout : 0) |
          (stderr ? IO.stderr : 0) |
          (process.terminal === true ? IO.terminal : 0) |
          IO.stream,
        drainMs: request.drainMs,
      },
      sink,
    )
  }

  /**
   * Sends a signal to a container's or exec's main process, its group, or all of its cgroup.
   *
   * @throws GantryError `not_found` when it ended.
   */
  async signal(id: string, signo: number, scope: SignalScope = 'process'): Promise<void> {
    await this.#client.signal(id, signo, scope)
  }

  async reopenLog(containerId: string): Promise<void> {
    await this.#client.reopenLog(containerId)
  }

  async resize(id: string, rows: number, columns: number): Promise<void> {
    await this.#client.resize(id, rows, columns)
  }

  /** Drops the keeper's record of an ended container; its bundle is the caller's to remove. */
  async forget(containerId: string): Promise<void> {
    this.#cgroups.delete(containerId)
    if (!this.#client.closed) await this.#client.forget(containerId)
  }

  /** Kills everything in the pod and ends its keeper; its namespaces go with it. Idempotent. */
  async shutdown(): Promise<void> {
    await this.#client.shutdown()
  }

  /** Lets go of the connection; the pod lives on. */
  disconnect(): void {
    this.#client.close()
  }

  #cgroup(containerId: string, spec: OciSpec): CgroupPlan {
    const known = this.#cgroups.get(containerId)
    if (known !== undefined) return known
    const path = spec.linux?.cgroupsPath
    if (path === undefined) {
      throw new GantryError('invalid_argument', { action: 'read linux.cgroupsPath', reason: 'it is missing' })
    }
    const plan = this.#environment.compileCgroup(path, spec.linux?.resources ?? {})
    this.#cgroups.set(containerId, plan)
    return plan
  }

  async #cgroupOfInit(containerId: string, plan: CgroupPlan): Promise<string | undefined> {
    const { processes } = await this.#client.hello(true)
    const init = processes.find(({ id, exit }) => id === containerId && exit === undefined)
    if (init === undefined) return undefined
    return await cgroupBelow(plan, this.#environment.host.cgroup, init.pid).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return undefined
      throw error
    })
  }

  #identity(id: string): ContainerIdentity {
    return { id, bundle: this.#environment.paths.bundle(this.id, id) }
  }

  async #seccomp(spec: OciSpec): Promise<SeccompFilter | undefined> {
    const profile = spec.linux?.seccomp
    return profile === undefined ? undefined : this.#environment.compileSeccomp(profile)
  }
}

interface FoundPod {
  readonly keeperPid: number
  readonly descriptors: ReadonlyMap<SentSlot, number>
}

function ownPidNamespace(spec: OciSpec): boolean {
  return (spec.linux?.namespaces ?? []).some(({ type, path }) => type === 'pid' && path === undefined)
}

function connect(id: string, environment: PodEnvironment): Promise<KeeperClient> {
  return KeeperClient.connect(
    environment.paths.keeperSocket(id),
    (record) => environment.onExit(id, record),
    (error) => environment.onKeeperLost(id, error),
  )
}

type LaunchOptions = Pick<LaunchRequest, 'kind' | 'id'> & Partial<LaunchRequest> & { readonly record?: string }

/** Sends a plan, watches its deadline, keeps its record, and turns a failure into words. */
async function launch(
  client: KeeperClient,
  environment: PodEnvironment,
  action: string,
  subject: string,
  plan: Plan,
  options: LaunchOptions,
  sink?: OutputSink,
): Promise<LaunchResult> {
  const bytes = assemble(plan)
  const { record, ...rest } = options
  const request = { ...NOTHING, ...rest, plan: bytes }
  let expired = false
  const timer = setTimeout(() => {
    expired = true
    // If the process is gone by now, the answer is on its way and says what came of it.
    client.signal(options.id, SIGKILL).catch(() => undefined)
  }, environment.launchDeadlineMs)
  let result: LaunchResult
  try {
    result = await client.launch(request, sink)
  } finally {
    clearTimeout(timer)
  }
  if (record !== undefined) keepRecord(environment, record, bytes, result)
  if (result.errno !== 0) {
    throw planFailure(action, subject, plan, { index: result.failedOp, errno: result.errno }, expired)
  }
  return result
}

/** Written beside the answer, not before it: it is for `gantry explain`, and a start shall not wait for it. */
function keepRecord(environment: PodEnvironment, bundle: string, bytes: Uint8Array, result: LaunchResult): void {
  writeLaunchRecord(bundle, bytes, result).catch((error: unknown) => {
    // A container that was removed within that moment has taken its bundle along.
    if (errnoOf(error) !== 'ENOENT') environment.onRecordFailure(bundle, error)
  })
}

const NOTHING = {
  io: 0,
  drainMs: 0,
  maxLogLineBytes: 16384,
  target: '',
  logPath: '',
  oomPath: '',
  killPath: '',
  procsPath: '',
} as const
