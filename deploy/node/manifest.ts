// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { GantryError } from '../../runtime-core/errors.ts'

/** What a release says of itself, in its file `release.json`: every other file and link that it consists of. */
export interface ReleaseManifest {
  readonly name: 'gantry'
  readonly version: string
  /** Go's name of the machine. */
  readonly architecture: string
  readonly files: readonly ReleaseFile[]
  readonly links: readonly ReleaseLink[]
}

export interface ReleaseFile {
  readonly path: string
  /** In octal, as text: `0755`. */
  readonly mode: string
  readonly size: number
  /** Hexadecimal. */
  readonly sha256: string
}

export interface ReleaseLink {
  readonly path: string
  readonly target: string
}

/** The manifest's own place in a release. */
export const MANIFEST_FILE = 'release.json'

/** What a running release writes into itself: compiled code, which Node checks against its sources. */
const WRITTEN_LATER = /^node_modules\/\.cache(\/|$)/

/** Versions are directory names, so they are held to what a name may be. */
const VERSION = /^\d+\.\d+\.\d+([-+][0-9A-Za-z.-]+)?$/
const CLEAN_PATH = /^(?!.*(^|\/)\.{1,2}(\/|$))[^/]+(\/[^/]+)*$/

/** @throws GantryError `invalid_argument` where the directory has no manifest, or one that is none. */
export async function readManifest(directory: string): Promise<ReleaseManifest> {
  const path = join(directory, MANIFEST_FILE)
  let value: unknown
  try {
    value = JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw new GantryError('invalid_argument', { action: 'read release manifest', subject: path, cause })
  }
  const reason = whyNoManifest(value)
  if (reason === undefined) return value as ReleaseManifest
  throw new GantryError('invalid_argument', { action: 'read release manifest', subject: path, reason })
}

function whyNoManifest(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return 'not an object'
  const { name, version, files, links } = value as Readonly<Record<string, unknown>>
  if (name !== 'gantry') return 'it is not of a release of gantry'
  if (!isVersion(version)) return `version ${JSON.stringify(version)}`
  if (!Array.isArray(files) || !Array.isArray(links)) return 'files or links are missing'
  const bad = [...files, ...links].find(({ path }) => typeof path !== 'string' || !CLEAN_PATH.test(path))
  return bad === undefined ? undefined : `path ${JSON.stringify(bad.path)}`
}

/** Whether a text can be the name of a release's directory. */
export function isVersion(value: unknown): value is string {
  return typeof value === 'string' && VERSION.test(value)
}

/** What tells two releases apart, also those that say they are of the same version: the digest of the manifest. */
export async function releaseDigest(directory: string): Promise<string> {
  return `sha256:${await sha256Of(join(directory, MANIFEST_FILE))}`
}

/**
 * Holds a directory to its manifest: each file with its bytes and mode, each link with its target, and nothing else.
 *
 * @throws GantryError `failed_precondition` that names the first difference.
 */
export async function verifyRelease(directory: string): Promise<ReleaseManifest> {
  const manifest = await readManifest(directory)
  const left = new Set(await filesOf(directory))
  left.delete(MANIFEST_FILE)
  for (const file of manifest.files) {
    const difference = left.delete(file.path) ? await differenceOf(join(directory, file.path), file) : 'is missing'
    if (difference !== undefined) throw damaged(directory, file.path, difference)
  }
  for (const { path, target } of manifest.links) {
    const found = left.delete(path) ? await readlink(join(directory, path)).catch(() => 'no link') : 'is missing'
    if (found !== target) throw damaged(directory, path, `${found} in place of a link to ${target}`)
  }
  for (const path of left) throw damaged(directory, path, 'is not in the manifest')
  return manifest
}

async function differenceOf(path: string, file: ReleaseFile): Promise<string | undefined> {
  const found = await lstat(path)
  if (!found.isFile()) return 'is no file'
  const mode = (found.mode & 0o7777).toString(8).padStart(4, '0')
  if (mode !== file.mode) return `has mode ${mode}, not ${file.mode}`
  if (found.size !== file.size) return `has ${found.size} bytes, not ${file.size}`
  const digest = await sha256Of(path)
  return digest === file.sha256 ? undefined : `has sha256 ${digest}, not ${file.sha256}`
}

function damaged(directory: string, path: string, reason: string): GantryError {
  return new GantryError('failed_precondition', { action: 'verify release', subject: join(directory, path), reason })
}

/** All files and links below a directory by their relative paths. */
async function filesOf(directory: string): Promise<string[]> {
  const found: string[] = []
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(directory, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (WRITTEN_LATER.test(path)) continue
      if (entry.isDirectory()) await visit(path)
      else found.push(path)
    }
  }
  await visit('')
  return found
}

/** The digest of a file, in hexadecimal. */
export function sha256Of(path: string): Promise<string> {
  return digestOf(path, 'sha256')
}

/** As {@link sha256Of}, by another algorithm. */
export async function digestOf(path: string, algorithm: 'sha1' | 'sha256'): Promise<string> {
  const hash = createHash(algorithm)
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
