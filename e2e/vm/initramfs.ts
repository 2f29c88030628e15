// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { GantryError } from '../../runtime-core/errors.ts'
import { type CpioEntry, packCpio } from './cpio.ts'
import { type GuestKernel, loadOrder } from './kernel.ts'

/** What it takes to see the host's files, a disk to write to, and the console; the rest is loaded from there on demand. */
const BOOT_MODULES = [
  ...['virtio_pci', 'virtio_blk', 'virtio_console'],
  ...['9p', '9pnet_virtio', 'crc32c_generic', 'ext4', 'overlay'],
]
const REPOSITORY = resolve(import.meta.dirname, '../..')
const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox']

/** What the guest's first process does. */
export interface GuestScript {
  readonly kernel: GuestKernel
  /** `host`: this machine's files, and our own script as init; `systemd`: a Debian of its own with systemd as init. */
  readonly init: 'host' | 'systemd'
  /** Program and arguments, looked up in the usual PATH. */
  readonly command: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

/** The guest's first root file system: a static busybox, the boot's modules, our two scripts and the command. */
export async function buildInitramfs(script: GuestScript): Promise<Buffer> {
  const { kernel } = script
  const load = loadOrder(await readFile(join(kernel.modules, 'modules.dep'), 'utf8'), BOOT_MODULES)
  const modules = await Promise.all(
    load.map(async (path) => file(`modules/${basename(path)}`, await readFile(join(kernel.modules, path)))),
  )
  const own = (name: string) => readFile(join(import.meta.dirname, name))
  return packCpio([
    ...['bin', 'dev', 'gantry', 'modules'].map((path): CpioEntry => ({ kind: 'directory', path })),
    { kind: 'device', path: 'dev/console', major: 5, minor: 1 },
    file('bin/busybox', await readBusybox()),
    file('init', await own(script.init === 'host' ? 'init.sh' : 'init-systemd.sh')),
    file('gantry/guest.sh', await own('guest.sh')),
    file('gantry/load', Buffer.from(load.map((path) => `${basename(path)}\n`).join(''))),
    file('gantry/modules', Buffer.from(kernel.modules)),
    file('gantry/repository', Buffer.from(REPOSITORY)),
    file('gantry/command', Buffer.from(commandText(script))),
    ...modules,
  ])
}

function file(path: string, content: Uint8Array): CpioEntry {
  return { kind: 'file', path, mode: 0o755, content }
}

async function readBusybox(): Promise<Uint8Array> {
  for (const path of BUSYBOX) {
    const found = await readFile(path).catch(() => undefined)
    // A program with an interpreter would look for libraries that are not there.
    if (found !== undefined && !found.subarray(0, 4096).includes('ld-linux')) return found
  }
  const hint = 'install busybox-static'
  throw new GantryError('failed_precondition', { action: 'find static busybox', reason: 'not installed', hint })
}

/** A script for sh. */
function commandText({ command, cwd, env }: GuestScript): string {
  const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quoted(value)}\n`)
  return `${exports.join('')}cd ${quoted(cwd)} || exit 126\nexec ${command.map(quoted).join(' ')}\n`
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}
