// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../runtime-core/errors.ts'
import { type Descriptor, type ImageConfig, type Manifest, parseConfig, parseManifest } from './manifest.ts'
import { describePlatform, type Platform, pickPlatform, platformRank } from './platform.ts'
import type { FetchedManifest, RegistryClient } from './registry/client.ts'

/** All the documents of one image for one platform. */
export interface ChosenImage {
  /** Digest of the top-level document: the index's where there is one. */
  readonly digest: string
  readonly manifest: FetchedManifest
  readonly configDescriptor: Descriptor
  readonly configText: string
  readonly config: ImageConfig
  readonly layers: readonly Descriptor[]
}

const CONFIG_LIMIT_BYTES = 4 * 1024 * 1024
/** An index may list indexes; nobody nests them deeper. */
const INDEX_DEPTH = 3

/**
 * Fetch the manifest that suits this host, and its config.
 *
 * @param onManifest called when it is known that there will be layers to fetch
 * @throws GantryError not_found when nothing suits the platform; invalid_argument; what the registry says
 */
export async function chooseImage(
  client: RegistryClient,
  host: Platform,
  onManifest: () => void,
  signal: AbortSignal,
): Promise<ChosenImage> {
  const top = await client.manifest(signal)
  const { fetched, manifest } = await descend(client, host, top, signal)
  onManifest()
  const bytes = await client.smallBlob(manifest.config, CONFIG_LIMIT_BYTES, signal)
  const config = parseConfig(bytes, manifest.layers.length, manifest.config.digest)
  requirePlatform(host, config.platform, top.digest)
  return {
    digest: top.digest,
    manifest: fetched,
    configDescriptor: manifest.config,
    configText: bytes.toString('utf8'),
    config,
    layers: manifest.layers,
  }
}

async function descend(
  client: RegistryClient,
  host: Platform,
  top: FetchedManifest,
  signal: AbortSignal,
): Promise<{ fetched: FetchedManifest; manifest: Extract<Manifest, { kind: 'manifest' }> }> {
  let fetched = top
  for (let depth = 0; depth <= INDEX_DEPTH; depth++) {
    const manifest = parseManifest(fetched.bytes, fetched.contentType, fetched.digest)
    if (manifest.kind === 'manifest') return { fetched, manifest }
    fetched = await client.manifest(signal, pick(manifest.manifests, host, fetched.digest).digest)
  }
  throw new GantryError('invalid_argument', {
    action: 'read index',
    subject: top.digest,
    reason: 'it is nested too deep',
  })
}

function pick(manifests: readonly Descriptor[], host: Platform, subject: string): Descriptor {
  const index = pickPlatform(
    host,
    manifests.map(({ platform }) => platform),
  )
  const chosen = index === undefined ? undefined : manifests[index]
  if (chosen !== undefined) return chosen
  const offered = manifests.flatMap(({ platform }) => (platform === undefined ? [] : [describePlatform(platform)]))
  const list = [...new Set(offered)].slice(0, 20).join(', ')
  throw new GantryError('not_found', {
    action: 'choose from index',
    subject,
    reason: `nothing for ${describePlatform(host)}${list === '' ? '' : `; it has ${list}`}`,
  })
}

function requirePlatform(host: Platform, platform: Platform, subject: string): void {
  // Images made by hand often say nothing.
  if (platform.os === '' && platform.architecture === '') return
  if (platformRank(host, { ...platform, osFeatures: [] }) !== undefined) return
  const reason = `it is for ${describePlatform(platform)}, this host is ${describePlatform(host)}`
  throw new GantryError('not_found', { action: 'choose image', subject, reason })
}
