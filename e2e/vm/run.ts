// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { parseArgs } from 'node:util'
import { GantryError, messageOf } from '../../runtime-core/errors.ts'
import { runCommand } from '../images/command.ts'
import { ensureDebianRoot } from './debian-root.ts'
import { buildInitramfs } from './initramfs.ts'
import { ensureKernel } from './kernel.ts'

/** Kept from one run to the next; ignored by git. */
export const CACHE = resolve(import.meta.dirname, '../.cache/vm')
const QEMU = 'qemu-system-x86_64'
/**
 * All that is emulated but what V8 has crashed on: protection keys, and AVX, which is new in the QEMU of Debian 12.
 */
const PROCESSOR = 'max,pku=off,avx=off,avx2=off,fma=off,f16c=off'
/** Sparse: it takes what the guest writes. */
const DISK_BYTES = 16 * 1024 ** 3
const MAX_OUTPUT_BYTES = 16 * 1024 ** 2
const DEFAULT_TIMEOUT_MS = 30 * 60 * 1000
const USAGE = `usage: node e2e/vm/run.ts [--timeout SECONDS] [--memory MIB] [--systemd] [--append WORDS] -- COMMAND [ARGUMENT…]

Runs a command in a virtual machine: Debian's kernel, pure cgroup v2, the files of this machine, all writes on a disk
that is thrown away. Its output goes to standard output, its exit code becomes ours.
  --systemd  a minimal Debian with systemd as init, of this machine's files only the repository
  --append   to the kernel's command line, for example systemd.unified_cgroup_hierarchy=0
`

/** A run in the guest. */
export interface VmOptions {
  /** Program and arguments. It sees the host's files; what it writes is gone when it ends. */
  readonly command: readonly string[]
  /** From the start of the machine to its end; then it is an error. */
  readonly timeoutMs?: number
  readonly memoryMb?: number
  /** Default: where the caller is. */
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Default `host`. `systemd` sees of the host the repository alone. */
  readonly init?: 'host' | 'systemd'
  /** Appended to the kernel's command line. */
  readonly kernelArguments?: readonly string[]
  /** Also given the output as it comes. */
  readonly onOutput?: (chunk: Buffer) => void
  readonly signal?: AbortSignal
}

export interface VmResult {
  readonly exitCode: number
  /** Standard output and error, the last 16 MiB of it. */
  readonly output: string
}

/**
 * Boots the distribution's kernel with this machine's files and runs one command there to its end.
 *
 * @throws GantryError `deadline_exceeded` after `timeoutMs`, `internal` with the end of the console where the guest
 * ended without the command having run, `failed_precondition` where a tool is missing.
 */
export async function runInVm(options: VmOptions): Promise<VmResult> {
  const kernel = await ensureKernel(CACHE)
  const directory = await mkdtemp(join(tmpdir(), 'gantry-vm-'))
  try {
    const { command, cwd = process.cwd(), env = {}, init = 'host' } = options
    const debian = init === 'systemd' ? await ensureDebianRoot(CACHE) : undefined
    const script = { kernel, init, command, cwd: resolve(cwd), env: { ...BASE_ENVIRONMENT, ...env } }
    await writeFile(join(directory, 'initramfs'), await buildInitramfs(script))
    await makeDisk(join(directory, 'disk'))
    const output = await runMachine(machineArguments(directory, kernel.image, debian, options), options).catch(
      async (cause: unknown) => {
        options.signal?.throwIfAborted()
        const code = cause instanceof GantryError ? cause.code : 'internal'
        throw new GantryError(code, {
          action: 'run in vm',
          reason: `its console:\n${await endOfConsole(directory)}`,
          cause,
        })
      },
    )
    const code = (await readFile(join(directory, 'exit-code'), 'utf8')).trim()
    if (/^\d+$/.test(code)) return { exitCode: Number(code), output }
    throw await noExitCode(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const BASE_ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
  NO_COLOR: '1',
}

/** Thrown away at the end, so nothing in it needs to survive a crash. */
async function makeDisk(path: string): Promise<void> {
  await writeFile(path, '')
  await truncate(path, DISK_BYTES)
  const options = ['-q', '-F', '-m', '0', '-O', '^has_journal', '-E', 'lazy_itable_init=1,nodiscard']
  await runCommand('mkfs.ext4', [...options, path])
}

function machineArguments(directory: string, image: string, debian: string | undefined, options: VmOptions): string[] {
  const { memoryMb = 4096, kernelArguments = [] } = options
  const at = (name: string) => join(directory, name)
  const append = ['console=ttyS0 loglevel=4 panic=-1 mitigations=off random.trust_cpu=on', ...kernelArguments]
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-M', 'pc'],
    // Emulated, never KVM: the same everywhere, and a virtual machine rarely has a KVM that bears one more.
    ...['-accel', 'tcg,thread=multi', '-cpu', PROCESSOR],
    ...['-smp', '2', '-m', `${memoryMb}M`, '-kernel', image, '-initrd', at('initramfs')],
    ...['-append', append.join(' ')],
    // Files of several file systems must not share inode numbers.
    ...['-virtfs', 'local,path=/,mount_tag=host,security_model=none,multidevs=remap,readonly=on'],
    ...['-drive', `file=${at('disk')},if=virtio,format=raw,cache=unsafe,discard=unmap`],
    ...(debian === undefined ? [] : ['-drive', `file=${debian},if=virtio,format=raw,readonly=on`]),
    ...['-chardev', `file,id=console,path=${at('console')}`, '-serial', 'chardev:console'],
    ...[
      '-device',
      'virtio-serial-pci',
      '-chardev',
      'stdio,id=output,signal=off',
      '-device',
      'virtconsole,chardev=output',
    ],
    ...['-chardev', `file,id=code,path=${at('exit-code')}`, '-device', 'virtconsole,chardev=code'],
  ]
}

/** The machine from start to end; resolves to what the command said. */
async function runMachine(args: readonly string[], options: VmOptions): Promise<string> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, onOutput, signal } = options
  const child = spawn(QEMU, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'close')
  const timeout = AbortSignal.timeout(timeoutMs)
  const stop = signal === undefined ? timeout : AbortSignal.any([timeout, signal])
  const kill = () => child.kill('SIGKILL')
  stop.addEventListener('abort', kill, { once: true })
  try {
    const [said, complaint] = await Promise.all([collect(child.stdout, onOutput), collect(child.stderr), ended])
    signal?.throwIfAborted()
    if (timeout.aborted) {
      const reason = `not done after ${timeoutMs / 1000} s; it said last: ${said.slice(-2000)}`
      throw new GantryError('deadline_exceeded', { action: 'run in vm', subject: options.command.join(' '), reason })
    }
    if (child.exitCode === 0) return said
    throw new GantryError('internal', { action: 'run', subject: QEMU, reason: complaint.trim() || 'it was killed' })
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')) throw cause
    const hint = 'install qemu-system-x86'
    throw new GantryError('failed_precondition', { action: 'run', subject: QEMU, reason: 'not installed', hint })
  } finally {
    stop.removeEventListener('abort', kill)
    kill()
  }
}

async function collect(stream: Readable, onChunk: (chunk: Buffer) => void = () => undefined): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    onChunk(chunk)
    chunks.push(chunk)
    length += chunk.length
    while (length > MAX_OUTPUT_BYTES) length -= chunks.shift()?.length ?? length
  }
  return Buffer.concat(chunks).toString('utf8')
}

async function noExitCode(directory: string): Promise<GantryError> {
  const reason = `the guest ended early; its console:\n${await endOfConsole(directory)}`
  return new GantryError('internal', { action: 'run in vm', reason })
}

async function endOfConsole(directory: string): Promise<string> {
  const console = await readFile(join(directory, 'console'), 'utf8').catch(() => '')
  return console.trim().split(/\r?\n/).slice(-20).join('\n')
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      timeout: { type: 'string' },
      memory: { type: 'string' },
      systemd: { type: 'boolean' },
      append: { type: 'string' },
      help: { type: 'boolean' },
    },
    allowPositionals: true,
  })
  if (values.help === true || positionals.length === 0) {
    process.stdout.write(USAGE)
    process.exitCode = values.help === true ? 0 : 2
    return
  }
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort())
  const { exitCode } = await runInVm({
    command: positionals,
    ...(values.timeout === undefined ? {} : { timeoutMs: Number(values.timeout) * 1000 }),
    ...(values.memory === undefined ? {} : { memoryMb: Number(values.memory) }),
    ...(values.systemd === true ? { init: 'systemd' } : {}),
    ...(values.append === undefined ? {} : { kernelArguments: [values.append] }),
    onOutput: (chunk) => process.stdout.write(chunk),
    signal: interrupted.signal,
  })
  process.exitCode = exitCode
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`vm: ${messageOf(error)}\n`)
    process.exitCode = 125
  })
}
