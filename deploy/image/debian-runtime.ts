// SPDX-License-Identifier: Apache-2.0
import { access, mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { GantryError } from '../../runtime-core/errors.ts'
import type { Architecture } from '../release/architecture.ts'
import { runTool } from '../release/run-tool.ts'
import type { LinkedPackage } from '../release/sbom.ts'

/** What Node and the wrapper scripts need of an operating system, from Debian, for any architecture. */
export interface DebianRuntime {
  /** Files by their paths in the image. */
  readonly files: ReadonlyMap<string, string>
  readonly packages: readonly LinkedPackage[]
}

const PACKAGES = {
  libc6: 'LGPL-2.1-or-later',
  'libgcc-s1': 'GPL-3.0-or-later WITH GCC-exception-3.1',
  'libstdc++6': 'GPL-3.0-or-later WITH GCC-exception-3.1',
  'busybox-static': 'GPL-2.0-only',
}
/** What Node loads: its DT_NEEDED, and what those need. */
const LIBRARIES = ['libc.so.6', 'libdl.so.2', 'libgcc_s.so.1', 'libm.so.6', 'libpthread.so.0', 'libstdc++.so.6']
const LOADER = { amd64: '/lib64/ld-linux-x86-64.so.2', arm64: '/lib/ld-linux-aarch64.so.1' }

/**
 * Fetches the packages as the machine's own sources have them, below `cache`, where they stay; nothing is installed.
 *
 * @throws GantryError `not_found` where a package lacks a file that it should have.
 */
export async function fetchDebianRuntime(cache: string, arch: Architecture): Promise<DebianRuntime> {
  const directory = join(cache, `debian-${arch.oci}`)
  const there = await access(directory).then(
    () => true,
    () => false,
  )
  if (!there) await fetch(directory, arch)
  const root = await realpath(join(directory, 'root'))
  const found = await filesByName(root)
  const files = new Map<string, string>()
  for (const name of LIBRARIES) files.set(`lib/${name}`, await pick(found, name))
  files.set(LOADER[arch.oci].slice(1), await pick(found, basename(LOADER[arch.oci])))
  files.set('bin/busybox', await pick(found, 'busybox'))
  return { files, packages: JSON.parse(await readFile(join(directory, 'packages.json'), 'utf8')) }
}

async function fetch(directory: string, { oci }: Architecture): Promise<void> {
  await mkdir(dirname(directory), { recursive: true })
  const work = await mkdtemp(`${directory}.`)
  try {
    for (const path of ['lists/partial', 'archives/partial', 'debs', 'root'])
      await mkdir(join(work, path), { recursive: true })
    // Lists of its own: those of the machine are of its own architecture.
    const settings = {
      'APT::Architecture': oci,
      'APT::Architectures': oci,
      'Dir::State::lists': join(work, 'lists'),
      'Dir::State::status': '/dev/null',
      'Dir::Cache': work,
      'APT::Sandbox::User': 'root',
      'Acquire::Languages': 'none',
    }
    const options = ['-q', ...Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`])]
    await runTool('apt-get', [...options, 'update'], { cwd: work })
    await runTool('apt-get', [...options, 'download', ...Object.keys(PACKAGES)], { cwd: join(work, 'debs') })
    const packages: LinkedPackage[] = []
    for (const name of (await readdir(join(work, 'debs'))).sort()) {
      const deb = join(work, 'debs', name)
      await runTool('dpkg-deb', ['-x', deb, join(work, 'root')], { cwd: work })
      packages.push(await describe(deb, oci))
    }
    await writeFile(join(work, 'packages.json'), JSON.stringify(packages))
    await rename(work, directory)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function describe(deb: string, architecture: string): Promise<LinkedPackage> {
  const field = async (name: string) => (await runTool('dpkg-deb', ['-f', deb, name], { cwd: '/' })).trim()
  const [name, version] = [await field('Package'), await field('Version')]
  const license = PACKAGES[name as keyof typeof PACKAGES] ?? 'NOASSERTION'
  const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}`
  return { name, version, license, purl }
}

async function filesByName(root: string): Promise<Map<string, string>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const plain = entries.filter((entry) => !entry.isDirectory() && !entry.parentPath.includes('/gdb/'))
  return new Map(plain.map((entry) => [entry.name, join(entry.parentPath, entry.name)]))
}

async function pick(found: ReadonlyMap<string, string>, name: string): Promise<string> {
  const path = found.get(name)
  if (path !== undefined) return realpath(path)
  throw new GantryError('not_found', { action: 'find file of debian packages', subject: name })
}
