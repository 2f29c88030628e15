// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import { GantryError } from '../../runtime-core/errors.ts'
import type { Platform } from './platform.ts'
import { isDigest } from './reference.ts'

/** A content descriptor (image-spec, descriptor.md), checked. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  /** Bytes. */
  readonly size: number
  readonly urls: readonly string[]
  readonly platform: Platform | undefined
}

/** What a manifest document turned out to be. */
export type Manifest =
  | { readonly kind: 'index'; readonly manifests: readonly Descriptor[] }
  | { readonly kind: 'manifest'; readonly config: Descriptor; readonly layers: readonly Descriptor[] }

/** The parts of an image config Gantry itself reads; the whole document is kept beside it as text. */
export interface ImageConfig {
  readonly platform: Platform
  readonly diffIds: readonly string[]
  /** `config.User`, empty where none is set. */
  readonly user: string
  readonly document: Readonly<Record<string, unknown>>
}

const INDEX_TYPES: readonly string[] = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
]
const MANIFEST_TYPES: readonly string[] = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
]
const LAYER_TYPE =
  /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar)(?:[.+](?:gzip|zstd))?$/
/** Overlayfs itself stops at 500 lower directories. */
const LAYER_LIMIT = 500
const INDEX_LIMIT = 1000

/** The Accept header of a manifest request. */
export const MANIFEST_ACCEPT = [...MANIFEST_TYPES, ...INDEX_TYPES, '*/*'].join(', ')

/** `sha256:<hex>` of the bytes (or the algorithm asked for). */
export function digestOf(bytes: Uint8Array | string, algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}

/** The chain ids of a list of diff ids (image-spec, config.md §layer chain id); the key of an unpacked layer. */
export function chainIds(diffIds: readonly string[]): string[] {
  const chain: string[] = []
  for (const diffId of diffIds) {
    const parent = chain.at(-1)
    chain.push(parent === undefined ? diffId : digestOf(`${parent} ${diffId}`))
  }
  return chain
}

/**
 * Parse a manifest or index. `contentType` is the response's header; the document's own mediaType, where present,
 * must agree with it.
 *
 * @throws GantryError invalid_argument (malformed), unimplemented (schema 1, encrypted layers)
 */
export function parseManifest(bytes: Uint8Array, contentType: string, subject: string): Manifest {
  const document = parseJson(bytes, 'read manifest', subject)
  const type = manifestType(document, contentType, subject)
  if (INDEX_TYPES.includes(type)) {
    const manifests = array(document['manifests'], 'manifests', subject, INDEX_LIMIT)
    return { kind: 'index', manifests: manifests.map((entry) => descriptor(entry, 'manifests', subject)) }
  }
  const layers = array(document['layers'], 'layers', subject, LAYER_LIMIT).map((entry) =>
    descriptor(entry, 'layers', subject),
  )
  for (const layer of layers) requireLayerType(layer, subject)
  return { kind: 'manifest', config: descriptor(document['config'], 'config', subject), layers }
}

/**
 * Parse an image config and check it against the number of layers its manifest lists.
 *
 * @throws GantryError invalid_argument
 */
export function parseConfig(bytes: Uint8Array, layerCount: number | undefined, subject: string): ImageConfig {
  const document = parseJson(bytes, 'read image config', subject)
  const rootfs = record(document['rootfs'])
  if (rootfs === undefined) throw bad('read image config', subject, 'it has no rootfs: this is not a container image')
  if (rootfs['type'] !== 'layers') throw bad('read image config', subject, 'rootfs.type is not "layers"')
  const diffIds = array(rootfs['diff_ids'] ?? [], 'rootfs.diff_ids', subject, LAYER_LIMIT).map((id) => {
    if (typeof id !== 'string' || !isDigest(id)) throw bad('read image config', subject, 'a diff id is malformed')
    return id
  })
  if (layerCount !== undefined && diffIds.length !== layerCount) {
    const reason = `${diffIds.length} diff ids for ${layerCount} layers`
    throw bad('read image config', subject, reason)
  }
  const platform = parsePlatform({ architecture: '', os: '', ...document })
  const user = record(document['config'])?.['User']
  return { platform, diffIds, user: typeof user === 'string' ? user : '', document }
}

/** The media type before any parameter, lower case. */
export function essence(contentType: string): string {
  return (contentType.split(';')[0] ?? '').trim().toLowerCase()
}

function manifestType(document: Record<string, unknown>, contentType: string, subject: string): string {
  const header = essence(contentType)
  const own = document['mediaType']
  if (document['schemaVersion'] === 1 || header.startsWith('application/vnd.docker.distribution.manifest.v1+')) {
    throw new GantryError('unimplemented', {
      action: 'read manifest',
      subject,
      reason: 'Docker schema 1 manifests are not supported',
      hint: 'push the image again with a current tool',
    })
  }
  const known = (type: string) => INDEX_TYPES.includes(type) || MANIFEST_TYPES.includes(type)
  if (typeof own === 'string' && own !== '') {
    if (known(header) && header !== own) {
      throw bad('read manifest', subject, `it says it is ${JSON.stringify(own)}, the registry says ${header}`)
    }
    if (known(own)) return own
    throw bad('read manifest', subject, `media type ${JSON.stringify(own)} is not an image`)
  }
  // A document that could be read both ways is refused (image-spec advisory GHSA-77vh-xpmg-72qh).
  if (document['manifests'] !== undefined && (document['layers'] !== undefined || document['config'] !== undefined)) {
    throw bad('read manifest', subject, 'it has both manifests and layers')
  }
  if (known(header)) return header
  if (document['schemaVersion'] === 2 && document['manifests'] !== undefined) return INDEX_TYPES[0] ?? ''
  if (document['schemaVersion'] === 2 && document['config'] !== undefined) return MANIFEST_TYPES[0] ?? ''
  throw bad('read manifest', subject, `media type ${JSON.stringify(header)} is not an image`)
}

function requireLayerType(layer: Descriptor, subject: string): void {
  if (LAYER_TYPE.test(layer.mediaType)) return
  const encrypted = layer.mediaType.endsWith('+encrypted')
  throw new GantryError(encrypted ? 'unimplemented' : 'invalid_argument', {
    action: 'read manifest',
    subject,
    reason: encrypted
      ? `layer ${layer.digest} is encrypted`
      : `layer ${layer.digest} has media type ${JSON.stringify(layer.mediaType)}, not a layer's`,
  })
}

function descriptor(value: unknown, where: string, subject: string): Descriptor {
  const entry = record(value)
  if (entry === undefined) throw bad('read manifest', subject, `${where} is not a descriptor`)
  const { mediaType, digest, size, urls } = entry
  if (typeof mediaType !== 'string') throw bad('read manifest', subject, `a descriptor in ${where} has no media type`)
  if (typeof digest !== 'string' || !isDigest(digest)) {
    throw bad('read manifest', subject, `a descriptor in ${where} has a malformed digest`)
  }
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw bad('read manifest', subject, `${digest} has no valid size`)
  }
  const platform = record(entry['platform'])
  return {
    mediaType,
    digest,
    size,
    urls: Array.isArray(urls) ? urls.filter((url) => typeof url === 'string').slice(0, 8) : [],
    platform: platform === undefined ? undefined : parsePlatform(platform),
  }
}

function parsePlatform(value: Record<string, unknown>): Platform {
  const text = (key: string) => (typeof value[key] === 'string' ? value[key] : '')
  const features = value['os.features']
  return {
    os: text('os'),
    architecture: text('architecture'),
    variant: text('variant') === '' ? undefined : text('variant'),
    osFeatures: Array.isArray(features) ? features.filter((feature) => typeof feature === 'string') : [],
  }
}

function parseJson(bytes: Uint8Array, action: string, subject: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
  } catch (cause) {
    throw new GantryError('invalid_argument', { action, subject, reason: 'it is not JSON', cause })
  }
  const document = record(value)
  if (document === undefined) throw bad(action, subject, 'it is not a JSON object')
  return document
}

function array(value: unknown, name: string, subject: string, limit: number): readonly unknown[] {
  if (!Array.isArray(value)) throw bad('read manifest', subject, `${name} is not a list`)
  if (value.length > limit) throw bad('read manifest', subject, `${name} has more than ${limit} entries`)
  return value
}

function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}

function bad(action: string, subject: string, reason: string): GantryError {
  return new GantryError('invalid_argument', { action, subject, reason })
}
