// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeImage } from '../keeper/test/image.ts'
import type { OciSpec } from '../spec/types.ts'

/** What tests of the command line share: bundles in a temporary directory, and the command with a `--root` in it. */

export const GANTRY_OCI = fileURLToPath(new URL('../../bin/gantry-oci', import.meta.url))
const COMMAND_DEADLINE_MS = 120_000

const CAPABILITIES = ['CAP_KILL', 'CAP_CHOWN', 'CAP_SETUID', 'CAP_SETGID', 'CAP_DAC_OVERRIDE']

/** The usual config.json of a test. */
export function makeConfig(args: readonly string[], change: Partial<OciSpec> = {}): OciSpec {
  return {
    ociVersion: '1.3.0',
    root: { path: 'rootfs' },
    process: {
      cwd: '/',
      args,
      env: ['PATH=/bin'],
      user: { uid: 0, gid: 0 },
      noNewPrivileges: true,
      capabilities: { bounding: CAPABILITIES, permitted: CAPABILITIES, effective: CAPABILITIES },
    },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=64k'] },
      { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['newinstance', 'ptmxmode=0666'] },
    ],
    linux: { namespaces: [{ type: 'pid' }, { type: 'mount' }, { type: 'ipc' }, { type: 'uts' }] },
    ...change,
  }
}

interface CallOptions {
  readonly input?: string
  readonly env?: NodeJS.ProcessEnv
}

/** The result of one call. */
export interface Called {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Bundles and a state directory of a test; `leave` fails where a container is left. */
export class Workplace {
  readonly directory = mkdtempSync(join(tmpdir(), 'gantry-oci-'))
  readonly root = join(this.directory, 'state')
  readonly #prefix = `t${process.pid}`
  #next = 0

  /** An id that no other test has: it names a cgroup of the host too. */
  id(): string {
    return `${this.#prefix}-${this.#next++}`
  }

  bundle(config: OciSpec): string {
    const bundle = join(this.directory, `bundle${this.#next++}`)
    mkdirSync(bundle)
    makeImage(join(bundle, 'rootfs'))
    this.configure(bundle, config)
    return bundle
  }

  configure(bundle: string, config: OciSpec): void {
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(config))
  }

  /** Runs the command to its end. */
  call(...args: readonly string[]): Called {
    return this.callWith({}, ...args)
  }

  /** Output goes to files: a container that is left running would hold a pipe open. */
  callWith({ input = '', env = process.env }: CallOptions, ...args: readonly string[]): Called {
    const [out, err] = ['stdout', 'stderr'].map((name) => join(this.directory, `${name}${this.#next++}`)) as [
      string,
      string,
    ]
    const [stdout, stderr] = [openSync(out, 'w'), openSync(err, 'w')]
    try {
      const { status } = spawnSync(GANTRY_OCI, ['--root', this.root, ...args], {
        input,
        env,
        timeout: COMMAND_DEADLINE_MS,
        stdio: [input === '' ? 'ignore' : 'pipe', stdout, stderr],
      })
      return { status, stdout: readFileSync(out, 'utf8'), stderr: readFileSync(err, 'utf8') }
    } finally {
      closeSync(stdout)
      closeSync(stderr)
    }
  }

  /** A script of sh, with the given arguments from $0 on. */
  shell(script: string, ...args: readonly string[]): Called {
    const { status, stdout, stderr } = spawnSync('sh', ['-c', script, ...args], {
      encoding: 'utf8',
      timeout: COMMAND_DEADLINE_MS,
    })
    return { status, stdout, stderr }
  }

  /** As call, but a failure is the test's. */
  must(...args: readonly string[]): string {
    const { status, stdout, stderr } = this.call(...args)
    if (status !== 0) throw new Error(`gantry-oci ${args.join(' ')}: status ${status}: ${stderr}`)
    return stdout
  }

  state(id: string): { readonly status: string; readonly pid: number } & Readonly<Record<string, unknown>> {
    return JSON.parse(this.must('state', id))
  }

  /** Removes everything. @throws Error where a container or a mount is left. */
  leave(): void {
    const left = existsSync(this.root) ? readdirSync(this.root) : []
    for (const id of left) this.call('delete', '--force', id)
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    rmSync(this.directory, { recursive: true, force: true })
    if (left.length > 0) throw new Error(`containers are left: ${left.join(', ')}`)
    if (mounts.includes(this.directory)) throw new Error('a mount is left')
  }
}
