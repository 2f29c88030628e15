// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { digestOf, MANIFEST_FILE } from '../node/manifest.ts'
import { archiveEntries, writeArchive } from './archive.ts'
import { collectRelease, type ReleaseContents, type ReleaseEntry, type ReleaseInput } from './contents.ts'
import { linkedPackages } from './linked.ts'
import { type LinkedPackage, makeSbom } from './sbom.ts'

/** What decides the bytes of an archive beside what is in it. */
export interface ReleaseForm {
  /** Seconds since the epoch: the time that all files bear. */
  readonly created: number
  /** Of gzip. */
  readonly level: number
}

/** One release for one architecture, written. */
export interface BuiltRelease {
  readonly contents: ReleaseContents
  readonly archive: string
  readonly sbom: string
}

/**
 * Writes `gantry-VERSION-linux-ARCH.tar.gz` and `….spdx.json` into `out`. The same sources, packages and compiler give
 * the same bytes, whoever builds and when.
 */
export async function buildRelease(
  input: ReleaseInput,
  out: string,
  { created, level }: ReleaseForm,
): Promise<BuiltRelease> {
  await mkdir(out, { recursive: true })
  const contents = await collectRelease(input)
  const base = join(out, `gantry-${input.version}-linux-${input.arch.oci}`)
  const archive = `${base}.tar.gz`
  await writeArchive(
    archiveEntries(contents.entries, { under: `gantry-${input.version}`, mtime: created }),
    archive,
    level,
  )
  const sbom = `${base}.spdx.json`
  const document = await describeRelease(input, contents, created)
  await writeFile(sbom, `${JSON.stringify(document, undefined, 1)}\n`)
  return { contents, archive, sbom }
}

/** The bill of materials of a release; `beside` is what is shipped along with it. */
export async function describeRelease(
  input: ReleaseInput,
  contents: ReleaseContents,
  created: number,
  beside: readonly LinkedPackage[] = [],
): Promise<object> {
  const sha1 = new Map<string, string>()
  for (const entry of contents.entries) {
    if (entry.kind !== 'symlink' && entry.path !== MANIFEST_FILE) sha1.set(entry.path, await sha1Of(entry))
  }
  const manifest = contents.entries.find(({ path }) => path === MANIFEST_FILE)
  const text = manifest?.kind === 'file' ? manifest.content : ''
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`
  const linked = [...(await linkedPackages(input.root, input.arch)), ...beside]
  return makeSbom({ contents, linked, sha1, digest, created })
}

async function sha1Of(entry: Exclude<ReleaseEntry, { kind: 'symlink' }>): Promise<string> {
  if (entry.kind === 'host-file') return digestOf(entry.hostPath, 'sha1')
  return createHash('sha1').update(entry.content).digest('hex')
}
