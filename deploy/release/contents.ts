// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import { access, mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MANIFEST_FILE, type ReleaseManifest, sha256Of } from '../node/manifest.ts'
import type { Architecture } from './architecture.ts'
import { packageDirectory } from './fetch-package.ts'
import { findModules } from './modules.ts'
import { closePackages, isShipped, type LockedPackage, nodePackage, readLock } from './packages.ts'
import { runTool } from './run-tool.ts'

/** What a release is built from and for. */
export interface ReleaseInput {
  /** The repository, set up. */
  readonly root: string
  readonly arch: Architecture
  readonly version: string
  /** Where what is fetched and built for the release is kept from one time to the next. */
  readonly cache: string
}

/** One file or link of a release, by its path in it. */
export type ReleaseEntry =
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly content: string }
  | { readonly kind: 'host-file'; readonly path: string; readonly mode: number; readonly hostPath: string }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }

/** All that a release consists of, sorted by path, and the packages that it came from. */
export interface ReleaseContents {
  readonly manifest: ReleaseManifest
  readonly entries: readonly ReleaseEntry[]
  readonly packages: readonly LockedPackage[]
}

/** Programs of ours, by the script that each is. */
const PROGRAMS: Readonly<Record<string, string>> = {
  'bin/gantry': 'shim/operator/main.ts',
  'bin/gantry-node': 'deploy/node/main.ts',
  'bin/gantryd': 'shim/main.ts',
  'bin/gantry-oci': 'runtime-core/oci-cli/main.ts',
}
const KEEPER = 'runtime-core/keeper/build/gantry-keeper'
/** Taken as they are. */
const PAGES = ['LICENSE', 'CHANGELOG.md']
/** Folders of which every file is taken: units for the node. */
const UNITS = 'deploy/systemd'

/** Finds, fetches and builds what a release consists of. */
export async function collectRelease(input: ReleaseInput): Promise<ReleaseContents> {
  const { root, arch, cache } = input
  const modules = await findModules(root, Object.values(PROGRAMS), new Set([KEEPER]))
  const packages = closePackages(await readLock(root), modules.packages, arch)
  const scattered = await Promise.all(packages.map((locked) => packageEntries(root, cache, locked)))
  const entries: ReleaseEntry[] = [
    ...Object.keys(PROGRAMS).map((path) => hostFile(root, path, 0o755)),
    ...(await Promise.all(modules.files.map((path) => ownFile(input, path)))),
    await ownFile(input, 'package.json'),
    // Named by the directory of the module that reads it, which findModules does not follow.
    await ownFile(input, 'runtime-core/package.json'),
    ...[...PAGES, ...(await unitsOf(root))].map((path) => hostFile(root, path, 0o644)),
    { kind: 'host-file', path: KEEPER, mode: 0o755, hostPath: await buildKeeper(root, cache, arch) },
    ...scattered.flat(),
    { kind: 'symlink', path: 'node_modules/.bin/node', target: `../${nodePackage(arch)}/bin/node` },
  ]
  const sorted = withoutRepeats(entries)
  const manifest = await describe(input, sorted)
  const content = `${JSON.stringify(manifest, undefined, 1)}\n`
  return { manifest, packages, entries: sortByPath([...sorted, { ...MANIFEST_ENTRY, content }]) }
}

/** A program of ours that is no part of a release, with the packages that it imports. */
export async function collectProgram(
  input: ReleaseInput,
  wrapper: string,
  script: string,
): Promise<{ readonly entries: readonly ReleaseEntry[]; readonly packages: readonly LockedPackage[] }> {
  const { root, arch, cache } = input
  const modules = await findModules(root, [script], new Set())
  const node = nodePackage(arch)
  const packages = closePackages(await readLock(root), modules.packages, arch).filter(({ name }) => name !== node)
  const scattered = await Promise.all(packages.map((locked) => packageEntries(root, cache, locked)))
  const own = await Promise.all(['package.json', ...modules.files].map((path) => ownFile(input, path)))
  return { packages, entries: withoutRepeats([hostFile(root, wrapper, 0o755), ...own, ...scattered.flat()]) }
}

const MANIFEST_ENTRY = { kind: 'file', path: MANIFEST_FILE, mode: 0o644 } as const

function hostFile(root: string, path: string, mode: number): ReleaseEntry {
  return { kind: 'host-file', path, mode, hostPath: join(root, path) }
}

/** A manifest of npm gets the version of the release: that is where programs read it. */
async function ownFile({ root, version }: ReleaseInput, path: string): Promise<ReleaseEntry> {
  if (!/(^|\/)package\.json$/.test(path)) return hostFile(root, path, 0o644)
  const { name, license, type } = JSON.parse(await readFile(join(root, path), 'utf8'))
  const content = `${JSON.stringify({ name, version, license, type }, undefined, 2)}\n`
  return { kind: 'file', path, mode: 0o644, content }
}

async function unitsOf(root: string): Promise<string[]> {
  const exists = await access(join(root, UNITS)).then(
    () => true,
    () => false,
  )
  if (!exists) return []
  const names = await readdir(join(root, UNITS))
  return names.filter((name) => /\.(service|timer|conf|toml)$/.test(name)).map((name) => join(UNITS, name))
}

async function packageEntries(root: string, cache: string, locked: LockedPackage): Promise<ReleaseEntry[]> {
  const directory = await packageDirectory(root, cache, locked)
  const found: ReleaseEntry[] = []
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const hostPath = join(entry.parentPath, entry.name)
    const path = hostPath.slice(directory.length + 1)
    // What is nested is a package of its own, and has its own place in the lock.
    if (!entry.isFile() || path.includes('node_modules/') || !isShipped(path)) continue
    found.push({ kind: 'host-file', path: join(locked.path, path), mode: modeOf(path), hostPath })
  }
  return found
}

function modeOf(path: string): number {
  return path === 'bin/node' ? 0o755 : 0o644
}

async function buildKeeper(root: string, cache: string, { gnu, oci, node }: Architecture): Promise<string> {
  const out = join(cache, oci, 'gantry-keeper')
  await mkdir(join(cache, oci), { recursive: true })
  const env = node === process.arch ? { OUT: out } : { OUT: out, CC: `${gnu}-linux-gnu-gcc` }
  await runTool('sh', [join(root, 'runtime-core/keeper/build.sh')], { cwd: root, env })
  return out
}

async function describe(input: ReleaseInput, entries: readonly ReleaseEntry[]): Promise<ReleaseManifest> {
  const files = []
  const links = []
  for (const entry of entries) {
    if (entry.kind === 'symlink') links.push({ path: entry.path, target: entry.target })
    else files.push({ path: entry.path, mode: octal(entry.mode), ...(await measure(entry)) })
  }
  return { name: 'gantry', version: input.version, architecture: input.arch.oci, files, links }
}

async function measure(entry: Exclude<ReleaseEntry, { kind: 'symlink' }>): Promise<{ size: number; sha256: string }> {
  if (entry.kind === 'host-file')
    return { size: (await stat(entry.hostPath)).size, sha256: await sha256Of(entry.hostPath) }
  const bytes = Buffer.from(entry.content)
  return { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}

function withoutRepeats(entries: readonly ReleaseEntry[]): ReleaseEntry[] {
  return sortByPath([...new Map(entries.map((entry) => [entry.path, entry])).values()])
}

// By bytes, not by a language's order: the same on every machine.
function sortByPath(entries: readonly ReleaseEntry[]): ReleaseEntry[] {
  return [...entries].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
}
