// SPDX-License-Identifier: Apache-2.0
import { chmod, copyFile, lstat, mkdir, readdir, readlink, rename, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errnoOf, GantryError } from '../../runtime-core/errors.ts'
import { type Host, removeFromHost } from './host.ts'
import { isVersion, MANIFEST_FILE, readManifest, releaseDigest, verifyRelease } from './manifest.ts'

/** Where releases are on a node: a directory for each version, and a link to the one that runs. */
export const GANTRY_HOME = '/opt/gantry'
const RELEASES = `${GANTRY_HOME}/releases`
const CURRENT = `${GANTRY_HOME}/current`

/** The directory of a release on the node. */
export function releaseDirectory(version: string): string {
  return join(RELEASES, version)
}

/**
 * Copies the release in `source`, a directory of this process's own, to the node: beside those that are there, under its
 * version, whole or not at all. A release that is there already, and undamaged, is left alone.
 *
 * @returns its version.
 * @throws GantryError `failed_precondition` where either is damaged, or the version stands for another release already.
 */
export async function installRelease(host: Host, source: string): Promise<string> {
  const { version } = await verifyRelease(source)
  const place = releaseDirectory(version)
  if (await isInstalled(host, source, version)) return version
  const unfinished = join(RELEASES, `.${version}.new`)
  await removeFromHost(host, unfinished)
  await copyRelease(source, host.path(unfinished))
  await verifyRelease(host.path(unfinished))
  // What the link is to point at has to survive a power loss that the link survives.
  await host.run('sync', ['-f', unfinished])
  await removeFromHost(host, place)
  await rename(host.path(unfinished), host.path(place))
  return version
}

/**
 * The version of the release in `source`, if that has been installed: by the manifests alone, as a look that is taken every few
 * seconds must not read a hundred megabytes. {@link installRelease} reads them all.
 */
export async function installedVersion(host: Host, source: string): Promise<string | undefined> {
  const { version } = await readManifest(source)
  const there = await releaseDigest(host.path(releaseDirectory(version))).catch(() => undefined)
  return there === (await releaseDigest(source)) ? version : undefined
}

async function isInstalled(host: Host, source: string, version: string): Promise<boolean> {
  const place = host.path(releaseDirectory(version))
  if ((await lstat(place).catch(() => undefined)) === undefined) return false
  const damaged = await verifyRelease(place).then(
    () => undefined,
    (error: unknown) => error,
  )
  const [there, ours] = await Promise.all([releaseDigest(place).catch(() => ''), releaseDigest(source)])
  if (damaged === undefined && there === ours) return true
  if ((await currentVersion(host)) !== version) return false
  throw new GantryError('failed_precondition', {
    action: 'install release',
    subject: version,
    reason: 'another one of this version runs on the node',
    hint: 'give each release a version of its own',
    cause: damaged,
  })
}

async function copyRelease(source: string, place: string): Promise<void> {
  const { files, links } = await readManifest(source)
  for (const directory of new Set([...files, ...links].map(({ path }) => dirname(path)))) {
    await mkdir(join(place, directory), { recursive: true, mode: 0o755 })
  }
  for (const { path, mode } of [...files, { path: MANIFEST_FILE, mode: '0644' }]) {
    await copyFile(join(source, path), join(place, path))
    // copyFile gives the mode that the umask leaves.
    await chmod(join(place, path), Number.parseInt(mode, 8))
  }
  for (const { path, target } of links) await symlink(target, join(place, path))
}

/** The version that the link points at; undefined on a node that runs none. */
export async function currentVersion(host: Host): Promise<string | undefined> {
  try {
    const version = basename(await readlink(host.path(CURRENT)))
    return isVersion(version) ? version : undefined
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined
    throw new GantryError('internal', { action: 'read link', subject: CURRENT, cause })
  }
}

/** Points the link at a release, in one step: there is no moment without one. */
export async function switchTo(host: Host, version: string): Promise<void> {
  await readManifest(host.path(releaseDirectory(version)))
  const unfinished = `${CURRENT}.new`
  await removeFromHost(host, unfinished)
  await symlink(join('releases', version), host.path(unfinished))
  await rename(host.path(unfinished), host.path(CURRENT))
}

/** Takes the link away: the node runs no release then. */
export async function switchToNone(host: Host): Promise<void> {
  await removeFromHost(host, CURRENT)
}

/** All versions that are on the node. */
export async function installedVersions(host: Host): Promise<string[]> {
  const names = await readdir(host.path(RELEASES)).catch(() => [])
  return names.filter(isVersion).sort()
}

/** Removes all releases but those named, and what an installation left unfinished. */
export async function pruneReleases(host: Host, keep: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(host.path(RELEASES)).catch(() => [])) {
    if (!keep.has(name)) await removeFromHost(host, join(RELEASES, name))
  }
}
