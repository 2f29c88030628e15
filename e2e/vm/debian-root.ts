// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rename, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from '../images/command.ts'

/** The release whose kernel the machine runs (kernel.ts takes the host's distribution's). */
const SUITE = 'bookworm'
const MIRROR = 'http://deb.debian.org/debian'
/** Beside what every Debian has: systemd with its bus, what gantryd and its tests call, and engines that call gantry-oci. */
const PACKAGES = [
  ...['systemd', 'systemd-sysv', 'dbus', 'kmod'],
  ...['busybox-static', 'containernetworking-plugins', 'iproute2', 'iptables', 'libseccomp2', 'libstdc++6', 'procps'],
  ...['containerd', 'podman'],
]
const MASKED = [
  ...['apt-daily.timer', 'apt-daily-upgrade.timer', 'dpkg-db-backup.timer', 'getty.target'],
  ...['containerd.service', 'podman.socket', 'podman.service', 'podman-auto-update.timer', 'podman-restart.service'],
]
/** Sparse; the files take a third of it. Nothing is written to it any more. */
const IMAGE_BYTES = 2 * 1024 ** 3

/**
 * A disk image with a minimal Debian whose init is systemd, made once by debootstrap and kept in `directory`.
 *
 * @throws GantryError where debootstrap is missing or fails.
 */
export async function ensureDebianRoot(directory: string): Promise<string> {
  const content = createHash('sha256')
    .update(JSON.stringify([PACKAGES, MASKED, IMAGE_BYTES]))
    .digest('hex')
    .slice(0, 12)
  const image = join(directory, `${SUITE}-systemd-${content}.ext4`)
  if ((await stat(image).catch(() => undefined)) !== undefined) return image
  const earlier = (await readdir(directory)).filter((name) => name.startsWith(`${SUITE}-systemd`))
  for (const name of earlier) await rm(join(directory, name))
  const work = await mkdtemp(join(directory, 'debootstrap-'))
  try {
    const root = join(work, 'root')
    await runCommand('debootstrap', ['--variant=minbase', `--include=${PACKAGES.join(',')}`, SUITE, root, MIRROR])
    await trim(root)
    await writeFile(join(work, 'image'), '')
    await truncate(join(work, 'image'), IMAGE_BYTES)
    const options = ['-q', '-F', '-m', '0', '-O', '^has_journal', '-E', 'lazy_itable_init=1,nodiscard']
    await runCommand('mkfs.ext4', [...options, '-d', root, join(work, 'image')])
    await rename(join(work, 'image'), image)
    return image
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** What no test needs: package archives and lists; and the services that only cost time in a machine that is emulated. */
async function trim(root: string): Promise<void> {
  for (const path of ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/locale']) {
    await rm(join(root, path), { recursive: true, force: true })
  }
  for (const unit of MASKED) await symlink('/dev/null', join(root, 'etc/systemd/system', unit))
}
