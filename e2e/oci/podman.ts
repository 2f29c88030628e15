// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeCgroups, unmountBelow } from '../bench/peers/leftovers.ts'
import { waitFor } from '../harness/wait.ts'
import { ensureImages } from '../images/build.ts'
import { runCommand } from '../images/command.ts'
import { QUICKSTART_IMAGE } from '../images/quickstart-image.ts'
import { RUNTIME } from './runtime-under-test.ts'

/** How a command of podman ended. */
export interface Ended {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

interface CallOptions {
  readonly input?: string
  readonly env?: NodeJS.ProcessEnv
}

const CALL_TIMEOUT_MS = 60_000
const PARENT_CGROUP = 'libpod_parent'

/** Podman with storage, state and settings of its own, and the runtime under test; nothing of the host's podman is touched. */
export class Podman implements AsyncDisposable {
  readonly directory: string
  readonly image = QUICKSTART_IMAGE
  readonly #prefix = `p${process.pid}`
  #next = 0

  private constructor(directory: string) {
    this.directory = directory
  }

  /** Makes the places and loads the image. */
  static async start(): Promise<Podman> {
    const podman = new Podman(await mkdtemp(join(tmpdir(), 'gp-')))
    try {
      await writeFile(podman.#settings, settings(podman.directory))
      const archive = join(podman.directory, 'image.tar')
      await runCommand('tar', ['-C', await ensureImages('quickstart'), '-cf', archive, '.'])
      await podman.must('load', '--input', archive)
      return podman
    } catch (error) {
      await podman[Symbol.asyncDispose]()
      throw error
    }
  }

  get #settings(): string {
    return join(this.directory, 'containers.conf')
  }

  /** Every call's own: podman, its options, what to do. */
  argv(...args: readonly string[]): readonly string[] {
    const place = (name: string): string => join(this.directory, name)
    return [
      'podman',
      ...['--root', place('root'), '--runroot', place('run'), '--tmpdir', place('tmp'), '--storage-driver', 'overlay'],
      ...['--runtime', RUNTIME, '--cgroup-manager', 'cgroupfs', '--events-backend', 'none'],
      ...args,
    ]
  }

  get env(): NodeJS.ProcessEnv {
    return { ...process.env, CONTAINERS_CONF: this.#settings }
  }

  /** A name that no other container has. */
  name(): string {
    return `${this.#prefix}-${this.#next++}`
  }

  async call(...args: readonly string[]): Promise<Ended> {
    return this.callWith({}, ...args)
  }

  callWith({ input = '', env = this.env }: CallOptions, ...args: readonly string[]): Promise<Ended> {
    return this.#runToEnd(this.argv(...args), env, input)
  }

  /** As call, with a terminal: both outputs come as one. */
  onTerminal(...args: readonly string[]): Promise<Ended> {
    const command = this.argv(...args).map((arg) => `'${arg.replaceAll("'", "'\\''")}'`)
    return this.#runToEnd(['script', '--quiet', '--return', '--command', command.join(' '), '/dev/null'], this.env, '')
  }

  /** As call, but a failure is the test's. */
  async must(...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.call(...args)
    if (status !== 0) throw new Error(`podman ${args.join(' ')}: status ${status}: ${stderr}`)
    return stdout
  }

  /** `podman run --rm` without a network. */
  run(...args: readonly string[]): Promise<Ended> {
    return this.call('run', '--rm', '--network', 'none', ...args)
  }

  /** Starts a container that waits to be ended. @returns its name. */
  async background(options: readonly string[] = [], command: readonly string[] = ['sleep', '1000']): Promise<string> {
    const name = this.name()
    await this.must('run', '-d', '--network', 'none', '--name', name, ...options, this.image, ...command)
    return name
  }

  async remove(name: string): Promise<void> {
    await this.must('rm', '--force', '--time', '0', name)
  }

  /** Waits until the container has said this. */
  async logged(name: string, text: string): Promise<void> {
    await waitFor(`${name} says ${text}`, async () => (await this.must('logs', name)).includes(text))
  }

  /** One field of `podman inspect`, by a Go template. */
  async inspect(name: string, template: string): Promise<string> {
    return (await this.must('inspect', '--format', template, name)).trim()
  }

  /** What containers of these storage and state directories have on the host. */
  async traces(): Promise<string[]> {
    const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')
    const cgroups = await runCommand('find', ['/sys/fs/cgroup', '-path', `*/${PARENT_CGROUP}/libpod-*`, '-type', 'd'])
    const processes = await runCommand('ps', ['-eo', 'pid,args'])
    return [
      ...mounts.filter((line) => line.includes(`${this.directory}/`) && !isPodmans(line)),
      ...cgroups.split('\n').filter((line) => line !== ''),
      ...processes.split('\n').filter((line) => line.includes('conmon') && line.includes(this.directory)),
    ]
  }

  #runToEnd(argv: readonly string[], env: NodeJS.ProcessEnv, input: string): Promise<Ended> {
    // conmon writes a file `oom` into its working directory.
    const cwd = this.directory
    const [program = '', ...args] = argv
    return new Promise((resolve, reject) => {
      const child = execFile(program, args, { env, cwd, timeout: CALL_TIMEOUT_MS }, (error, stdout, stderr) => {
        if (error === null) return resolve({ status: 0, stdout, stderr })
        if (typeof error.code === 'number') return resolve({ status: error.code, stdout, stderr })
        reject(new Error(`${argv.join(' ')}: ${error.message}: ${stderr}`, { cause: error }))
      })
      child.stdin?.end(input)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.call('rm', '--all', '--force', '--time', '0')
    await unmountBelow(this.directory)
    await removeCgroups(PARENT_CGROUP)
    await rm(this.directory, { recursive: true, force: true })
    const states = await readdir(STATE_ROOT).catch(() => [])
    if (states.length > 0) throw new Error(`the runtime has containers left: ${states.join(', ')}`)
  }
}

/** Where the runtime keeps its containers unless told otherwise. */
const STATE_ROOT = '/run/gantry-oci'

/** The storage of the images is a mount of podman's own as long as it is used. */
function isPodmans(line: string): boolean {
  return (line.split(' ')[4] ?? '').endsWith('/root/overlay')
}

// Where CAP_SYS_RESOURCE is missing, as inside a container, nobody may raise limits to what podman gives by default.
function settings(directory: string): string {
  return `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
lock_type = "file"
[network]
network_config_dir = "${directory}/net.d"
`
}
