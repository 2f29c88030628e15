// SPDX-License-Identifier: Apache-2.0

import { ARCHITECTURES, type Architecture } from '../release/architecture.ts'
import { archiveEntries } from '../release/archive.ts'
import { describeRelease } from '../release/build.ts'
import { collectProgram, collectRelease, type ReleaseEntry, type ReleaseInput } from '../release/contents.ts'
import type { LinkedPackage } from '../release/sbom.ts'
import { type Descriptor, type Layer, LayoutBuilder } from './build-layout.ts'
import { fetchDebianRuntime } from './debian-runtime.ts'
import type { LayerEntry } from './tar.ts'

/** What decides the image, beside the sources. */
export interface ImageInput {
  readonly root: string
  readonly version: string
  readonly cache: string
  readonly architectures?: readonly Architecture[]
  /** Full references with a tag. */
  readonly names: readonly string[]
  /** Seconds since the epoch. */
  readonly created: number
}

const APPLETS = ['chroot', 'readlink', 'sh']
const IN_PATH = ['gantry', 'gantryd', 'gantry-node', 'gantry-oci']

/**
 * Writes an OCI image layout with an index over all architectures: the release where a node has it, the agent beside it, and
 * what Debian's Node needs below. The same sources and packages give the same digests.
 */
export async function buildImage(input: ImageInput, directory: string): Promise<Descriptor> {
  const layout = await LayoutBuilder.create(directory)
  const images: Descriptor[] = []
  for (const arch of input.architectures ?? ARCHITECTURES) images.push(await addPlatform(layout, input, arch))
  const index = await layout.addIndex(images, input.names)
  await layout.finish()
  return index
}

async function addPlatform(layout: LayoutBuilder, input: ImageInput, arch: Architecture): Promise<Descriptor> {
  const { root, version, cache, created: mtime } = input
  const release: ReleaseInput = { root, arch, version, cache }
  const debian = await fetchDebianRuntime(cache, arch)
  const layers: Layer[] = [
    await layout.addLayer(baseEntries(debian.files, mtime)),
    await layout.addLayer(await releaseEntries(release, mtime, debian.packages)),
    await layout.addLayer(await agentEntries(release, mtime)),
  ]
  const labels = {
    'org.opencontainers.image.title': 'gantry',
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.licenses': 'Apache-2.0',
  }
  return layout.addImage({
    layers,
    platform: { os: 'linux', architecture: arch.oci },
    createdBy: 'gantry deploy/image',
    annotations: labels,
    config: { Env: ['PATH=/usr/bin:/bin'], Entrypoint: ['gantry-agent'], Labels: labels, WorkingDir: '/' },
  })
}

function baseEntries(files: ReadonlyMap<string, string>, mtime: number): LayerEntry[] {
  const entries: ReleaseEntry[] = [...files].map(([path, hostPath]) => ({
    kind: 'host-file',
    path,
    mode: 0o755,
    hostPath,
  }))
  for (const applet of APPLETS) entries.push({ kind: 'symlink', path: `bin/${applet}`, target: 'busybox' })
  entries.push({
    kind: 'file',
    path: 'etc/passwd',
    mode: 0o644,
    content: 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n',
  })
  entries.push({ kind: 'file', path: 'etc/group', mode: 0o644, content: 'root:x:0:\nnogroup:x:65534:\n' })
  const folders = ['host', 'etc/gantry-agent', 'run', 'proc', 'sys', 'dev']
  const empty = folders.map((path) => ({ kind: 'directory', path, mode: 0o755, mtime }) as const)
  return [...placed(entries, mtime), ...empty, { kind: 'directory', path: 'tmp', mode: 0o1777, mtime }]
}

async function releaseEntries(
  release: ReleaseInput,
  mtime: number,
  beside: readonly LinkedPackage[],
): Promise<LayerEntry[]> {
  const contents = await collectRelease(release)
  const sbom = await describeRelease(release, contents, mtime, beside)
  const home = `opt/gantry/releases/${release.version}`
  const entries: ReleaseEntry[] = [
    ...contents.entries.map((entry) => ({ ...entry, path: `${home}/${entry.path}` })),
    { kind: 'symlink', path: 'opt/gantry/current', target: `releases/${release.version}` },
    ...IN_PATH.map((name) => link(`usr/bin/${name}`, `/opt/gantry/current/bin/${name}`)),
    { kind: 'file', path: 'usr/share/doc/gantry/sbom.spdx.json', mode: 0o644, content: `${JSON.stringify(sbom)}\n` },
  ]
  return placed(entries, mtime)
}

async function agentEntries(release: ReleaseInput, mtime: number): Promise<LayerEntry[]> {
  const { entries } = await collectProgram(release, 'bin/gantry-agent', 'deploy/agent/main.ts')
  return placed(
    [
      ...entries.map((entry) => ({ ...entry, path: `opt/gantry-agent/${entry.path}` })),
      // The Node of the release that is beside it.
      link('opt/gantry-agent/node_modules/.bin/node', '/opt/gantry/current/node_modules/.bin/node'),
      link('usr/bin/gantry-agent', '/opt/gantry-agent/bin/gantry-agent'),
    ],
    mtime,
  )
}

function link(path: string, target: string): ReleaseEntry {
  return { kind: 'symlink', path, target }
}

function placed(entries: readonly ReleaseEntry[], mtime: number): LayerEntry[] {
  return archiveEntries(entries, { under: '', mtime })
}
