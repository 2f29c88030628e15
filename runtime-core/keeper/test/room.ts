// SPDX-License-Identifier: Apache-2.0

import { execFileSync } from 'node:child_process'
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CgroupPlan } from '../../cgroup/manager.ts'
import { StatePaths } from '../../paths.ts'
import { assemble } from '../../plan/assemble.ts'
import { parseCapabilityHost } from '../../plan/compile/capabilities.ts'
import type { HostFacts } from '../../plan/compile/input.ts'
import { op } from '../../plan/ops.ts'
import { Pod, type PodEnvironment, type PodOptions } from '../../pod.ts'
import type { ExecRequest } from '../../pod-stream.ts'
import type { OciSpec } from '../../spec/types.ts'
import { KeeperClient, type LaunchResult, type OutputSink } from '../client.ts'
import type { ProcessExit, ProcessRecord } from '../protocol.ts'
import { KEEPER_PROGRAM, KeeperSpawner } from '../spawn.ts'
import { type ContainerChange, makeSpec } from './bundle.ts'
import { childrenOf, eventually, isAlive, procFile, within } from './eventually.ts'
import { makeImage } from './image.ts'

/**
 * A temporary directory with a busybox image, a zygote, and pods: what tests with real containers need.
 * GANTRY_KEEPER chooses another keeper program (test/sanitized.sh builds one).
 */

export const NO_CGROUP: CgroupPlan = {
  directories: [],
  leaves: [],
  writes: [],
  joinFiles: [],
  procsFile: '',
  warnings: [],
}
const POD: PodOptions = {
  network: true,
  ipc: true,
  uts: true,
  user: undefined,
  hostname: 'pod',
  sysctls: {},
  sharedPid: false,
  shmSizeBytes: 1 << 20,
}

/** A launch with none of what may be absent. */
export const LAUNCH = {
  io: 0,
  drainMs: 0,
  maxLogLineBytes: 16384,
  target: '',
  logPath: '',
  oomPath: '',
  killPath: '',
  procsPath: '',
} as const

/** A finished process: how it ended and what it said, both streams by themselves. */
export interface Said {
  readonly exit: ProcessExit
  readonly stdout: string
  readonly stderr: string
}

export class Room {
  readonly directory = mkdtempSync(join(tmpdir(), 'keeper-room-'))
  readonly image = join(this.directory, 'image')
  readonly spawner = new KeeperSpawner(process.env['GANTRY_KEEPER'] ?? KEEPER_PROGRAM)
  readonly environment: PodEnvironment
  /** The cgroup of containers that are started from here on. */
  cgroup: CgroupPlan = NO_CGROUP
  readonly keeperPids = new Set<number>()
  readonly #exits = new Map<string, (record: ProcessRecord) => void>()
  readonly #ended = new Map<string, ProcessRecord>()
  readonly lost: string[] = []
  #next = 0

  constructor() {
    chmodSync(this.directory, 0o711) // as a state directory: a pod's mapped root passes through
    makeImage(this.image)
    this.environment = {
      paths: new StatePaths(join(this.directory, 'state')),
      spawner: this.spawner,
      host: readHost(),
      compileSeccomp: () => Promise.reject(new Error('no filters here')),
      compileCgroup: () => this.cgroup,
      units: { startUnit: none, settleUnit: none },
      onExit: (_, record) => this.exited(record),
      onKeeperLost: (podId) => void this.lost.push(podId),
      onRecordFailure: (_, error) => {
        throw error
      },
      launchDeadlineMs: 5000,
    }
  }

  /** Under a sanitizer a keeper's memory says nothing. */
  readonly isMemoryTelling = process.env['GANTRY_KEEPER'] === undefined

  /** A name nobody has yet. */
  name(prefix: string): string {
    return `${prefix}${this.#next++}`
  }

  async pod(change: Partial<PodOptions> = {}, environment: Partial<PodEnvironment> = {}): Promise<Pod> {
    const pod = await Pod.create(this.name('pod'), { ...POD, ...change }, { ...this.environment, ...environment })
    this.keeperPids.add(pod.keeperPid)
    return pod
  }

  exited(record: ProcessRecord): void {
    this.#ended.set(record.id, record)
    this.#exits.get(record.id)?.(record)
  }

  /** The end of a container, now or later. */
  ended(containerId: string): Promise<ProcessRecord> {
    const record = this.#ended.get(containerId)
    if (record !== undefined) return Promise.resolve(record)
    return within(`${containerId} ended`, new Promise((resolve) => this.#exits.set(containerId, resolve)))
  }

  hasEnded(containerId: string): boolean {
    return this.#ended.has(containerId)
  }

  logPath(containerId: string): string {
    return join(this.directory, `${containerId}.log`)
  }

  /** The log's lines without their times. */
  log(containerId: string): string {
    return readFileSync(this.logPath(containerId), 'latin1').replace(/^\S+Z /gm, '')
  }

  /** Starts `args` in a container of its own; resolves to its id and spec. */
  async start(pod: Pod, args: readonly string[], change: ContainerChange = {}) {
    const containerId = this.name('c')
    const spec = makeSpec(pod, args, change)
    const work = join(this.directory, containerId)
    mkdirSync(join(work, 'up'), { recursive: true })
    mkdirSync(join(work, 'work'))
    await pod.writeBundle(containerId, spec)
    const started = await pod.start({
      containerId,
      spec,
      rootfs: {
        kind: 'overlay',
        lowerdirs: [change.image ?? this.image],
        upperdir: join(work, 'up'),
        workdir: join(work, 'work'),
      },
      makeBindSources: false,
      copyUpSources: new Set(),
      stdin: false,
      stdinOnce: false,
      logPath: this.logPath(containerId),
      maxLogLineBytes: 16384,
      ...change.request,
    })
    return { containerId, spec, work, ...started }
  }

  /** Runs a shell script to its end; resolves to the exit and the log. */
  async run(pod: Pod, script: string, change: ContainerChange = {}): Promise<{ exit: ProcessExit; log: string }> {
    const { containerId } = await this.start(pod, ['sh', '-c', script], change)
    const { exit } = await this.ended(containerId)
    await pod.forget(containerId)
    if (exit === undefined) throw new Error('an ended process has an exit')
    return { exit, log: this.log(containerId) }
  }

  execRequest(container: { containerId: string; spec: OciSpec }, args: readonly string[]): ExecRequest {
    const { containerId, spec } = container
    const base = spec.process ?? { cwd: '/' }
    return {
      containerId,
      execId: this.name('exec'),
      spec,
      process: { ...base, terminal: false, args },
      stdin: false,
      stdout: true,
      stderr: true,
      drainMs: 1000,
    }
  }

  /** Runs `args` in a running container to its end. */
  async exec(
    pod: Pod,
    container: { containerId: string; spec: OciSpec },
    args: readonly string[],
    change: Partial<ExecRequest> = {},
  ): Promise<Said> {
    const { sink, said } = listener()
    await pod.exec({ ...this.execRequest(container, args), ...change }, sink)
    return within(`${args.join(' ')} ended`, said)
  }

  /** A process of the pod whose start waits for a fifo; `end` lets it go on. */
  async hang(pod: Pod): Promise<{ id: string; pid: number; started: Promise<LaunchResult>; end(): Promise<void> }> {
    const id = this.name('hung')
    const fifo = join(this.directory, id)
    execFileSync('mkfifo', [fifo])
    const client = await KeeperClient.connect(this.environment.paths.keeperSocket(pod.id))
    const plan = { cloneFlags: 0n, prepare: [], parent: [], child: [op('mkfifo_wait', fifo)] }
    const started = client.launch({ ...LAUNCH, kind: 'sandbox', id, plan: assemble(plan) })
    started.catch(() => undefined)
    const { pid } = await this.launching(client, id)
    const end = async (): Promise<void> => {
      closeSync(openSync(fifo, 'r'))
      await started
      client.close()
    }
    return { id, pid, started, end }
  }

  /** The pid of a launch that is under way. */
  async launching(client: KeeperClient, id: string): Promise<{ pid: number }> {
    const { pid } = await client.hello(false)
    return eventually(`${id} is being started`, () => {
      const child = childrenOf(pid).find((one) => procFile(one, 'comm') === 'gantry-keeper\n')
      return child === undefined ? undefined : { pid: child }
    })
  }

  /** Ends the pods and removes everything; fails when a process or a mount is left. */
  async leave(...pods: readonly Pod[]): Promise<void> {
    await Promise.all(pods.map((pod) => pod.shutdown()))
    this.spawner.close()
    // The socket closes a moment before the process is gone.
    await eventually('all keepers are gone', () => [...this.keeperPids].every((pid) => !isAlive(pid)))
    if (readFileSync('/proc/self/mountinfo', 'utf8').includes(this.directory)) throw new Error('a mount is left')
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** A sink, and what it heard once the process ended. */
export function listener(): { sink: OutputSink; said: Promise<Said> } {
  const chunks: [Buffer[], Buffer[]] = [[], []]
  let ended: (said: Said) => void
  let failed: (error: Error) => void
  const said = new Promise<Said>((resolve, reject) => {
    ended = resolve
    failed = reject
  })
  const text = (stream: 0 | 1) => Buffer.concat(chunks[stream]).toString('latin1')
  const sink: OutputSink = {
    output: (stream, bytes) => void chunks[stream === 2 ? 1 : 0].push(Buffer.from(bytes)),
    exit: (exit) => ended({ exit, stdout: text(0), stderr: text(1) }),
    lost: (error) => failed(error),
  }
  // A start that fails never gets to the end: its error is the start's.
  said.catch(() => undefined)
  return { sink, said }
}

function readHost(): HostFacts {
  return {
    cgroup: { mode: 'v1', v1: new Map(), controllers: [], self: new Map() },
    // Linux 6.5.
    overlayLowerdirPlus: !/^([0-5]|6\.[0-4])\./.test(release()),
    capabilities: parseCapabilityHost(
      readFileSync('/proc/self/status', 'utf8'),
      readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'),
    ),
  }
}

/** No cgroup of these tests is a unit of systemd. */
function none(): Promise<void> {
  return Promise.reject(new Error('no units here'))
}
