// SPDX-License-Identifier: Apache-2.0
import { readdir, readFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { GantryError } from '../../runtime-core/errors.ts'
import { runCommand } from '../images/command.ts'
import { ensurePackage } from './package.ts'

/** A kernel of the distribution with its modules, unpacked and never installed. */
export interface GuestKernel {
  /** As `uname -r` says. */
  readonly release: string
  readonly image: string
  /** What becomes /lib/modules/<release>. */
  readonly modules: string
}

/** Debian's name for the current kernel of the release, by architecture of Node. */
const META_PACKAGES: Readonly<Record<string, string>> = { x64: 'linux-image-amd64' }

/** Of 400 MB of modules: virtio, file systems, networks of pods, and the checksums those are made of. */
const WANTED = [
  ...['arch', 'crypto', 'lib', 'drivers/virtio', 'drivers/block/virtio_blk.ko', 'drivers/char/virtio_console.ko'],
  ...['9p', 'ext4', 'fscache', 'fuse', 'jbd2', 'mbcache.ko', 'netfs', 'overlayfs'].map((name) => `fs/${name}`),
  ...['802', '8021q', '9p', 'bridge', 'core', 'ipv4', 'ipv6', 'llc', 'netfilter', 'sched'].map((name) => `net/${name}`),
  ...['dummy', 'ifb', 'macvlan', 'tun', 'veth', 'vrf'].map((name) => `drivers/net/${name}.ko`),
]

/**
 * The distribution's current kernel, from its package sources, kept below `directory` from then on.
 *
 * @throws GantryError `failed_precondition` on an architecture for which nothing is known.
 */
export async function ensureKernel(directory: string): Promise<GuestKernel> {
  const meta = META_PACKAGES[process.arch]
  if (meta === undefined) {
    throw new GantryError('failed_precondition', { action: 'find kernel package for', subject: process.arch })
  }
  const root = join(directory, 'kernel')
  if ((await findKernel(root)) === undefined) await fetchKernel(meta, root)
  const kernel = await findKernel(root)
  if (kernel !== undefined) return kernel
  throw new GantryError('internal', { action: 'unpack kernel of', subject: meta, reason: 'no kernel in the package' })
}

/**
 * Paths of `names` and of all that they need, below the modules' directory, in the order in which to load them.
 *
 * @throws GantryError `not_found` for a module the kernel does not have.
 */
export function loadOrder(modulesDep: string, names: readonly string[]): string[] {
  const needs = new Map<string, readonly string[]>()
  const paths = new Map<string, string>()
  for (const [, path = '', needed = ''] of modulesDep.matchAll(/^(\S+):(.*)$/gm)) {
    needs.set(path, needed.split(' ').filter(Boolean))
    paths.set(basename(path, '.ko').replaceAll('-', '_'), path)
  }
  const ordered = new Set<string>()
  for (const name of names) {
    const path = paths.get(name)
    if (path === undefined) throw new GantryError('not_found', { action: 'find kernel module', subject: name })
    // depmod lists the nearest first: what is needed by what is needed stands to the right.
    for (const needed of (needs.get(path) ?? []).toReversed()) ordered.add(needed)
    ordered.add(path)
  }
  return [...ordered]
}

async function findKernel(root: string): Promise<GuestKernel | undefined> {
  const [release] = await readdir(join(root, 'lib/modules')).catch(() => [])
  if (release === undefined) return undefined
  const modules = join(root, 'lib/modules', release)
  const complete = await readFile(join(modules, 'modules.dep')).then(Boolean, () => false)
  return complete ? { release, image: join(root, 'boot', `vmlinuz-${release}`), modules } : undefined
}

async function fetchKernel(meta: string, root: string): Promise<void> {
  await rm(root, { recursive: true, force: true })
  const depends = await runCommand('apt-cache', ['depends', '--important', meta])
  const name = /^ {2,}Depends: (linux-image-\S+)$/m.exec(depends)?.[1]
  if (name === undefined) throw new GantryError('not_found', { action: 'find kernel package of', subject: meta })
  const release = name.replace(/^linux-image-/, '')
  const modules = ['modules.builtin', 'modules.builtin.modinfo', 'modules.order', ...WANTED.map((it) => `kernel/${it}`)]
  const members = [`./boot/vmlinuz-${release}`, ...modules.map((path) => `./lib/modules/${release}/${path}`)]
  await ensurePackage(name, root, members)
  await runCommand('busybox', ['depmod', '-b', root, release])
}
