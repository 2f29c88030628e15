// SPDX-License-Identifier: Apache-2.0
import { createHash, type Hash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip, createZstdCompress } from 'node:zlib'
import { type LayerEntry, packTar } from './tar.ts'

/** A content descriptor of the OCI image specification. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  /** Bytes. */
  readonly size: number
  readonly platform?: Platform
  readonly annotations?: Readonly<Record<string, string>>
}

/** Platform of an image, in Go's names: `linux`, `amd64`. */
export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
}

/** A layer that stands in the layout: its blob and the digest of its uncompressed tar. */
export interface Layer {
  readonly descriptor: Descriptor
  readonly diffId: string
}

/** The `config` member of an image's configuration (image-spec config.md). */
export interface ImageConfig {
  readonly User?: string
  readonly ExposedPorts?: Readonly<Record<string, object>>
  readonly Env?: readonly string[]
  readonly Entrypoint?: readonly string[]
  readonly Cmd?: readonly string[]
  readonly Volumes?: Readonly<Record<string, object>>
  readonly WorkingDir?: string
  readonly Labels?: Readonly<Record<string, string>>
  readonly StopSignal?: string
}

/** Media types of a family of registries' clients. */
export type MediaFamily = 'oci' | 'docker'

/** What makes up one image. Names are full references with a tag: `registry.k8s.io/pause:3.9`. */
export interface ImageRecipe {
  readonly layers: readonly Layer[]
  readonly config?: ImageConfig
  readonly platform?: Platform
  readonly names?: readonly string[]
  readonly family?: MediaFamily
  /** What the history of the image says of each layer. */
  readonly createdBy?: string
  /** Of the manifest (image-spec annotations.md). */
  readonly annotations?: Readonly<Record<string, string>>
}

/** How a layer's blob is stored. */
export type Compression = 'gzip' | 'zstd' | 'none'

const MEDIA = {
  oci: {
    index: 'application/vnd.oci.image.index.v1+json',
    manifest: 'application/vnd.oci.image.manifest.v1+json',
    config: 'application/vnd.oci.image.config.v1+json',
  },
  docker: {
    index: 'application/vnd.docker.distribution.manifest.list.v2+json',
    manifest: 'application/vnd.docker.distribution.manifest.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
  },
} as const
const LAYER_MEDIA = {
  oci: {
    gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
    zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
    none: 'application/vnd.oci.image.layer.v1.tar',
  },
  docker: {
    gzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
    zstd: 'application/vnd.docker.image.rootfs.diff.tar.zstd',
    none: 'application/vnd.docker.image.rootfs.diff.tar',
  },
} as const

/** The annotation by which an image layout names an image (image-spec annotations.md). */
export const REF_NAME = 'org.opencontainers.image.ref.name'

/** The platform of this machine in Go's names. */
export function hostPlatform(): Platform {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  return { os: 'linux', architecture }
}

/**
 * Writes an OCI image layout: blobs as they are added, `index.json` by `finish`. Every blob depends on its content
 * only: no time, no host name, no random order, so the same input gives the same digests on every machine.
 */
export class LayoutBuilder {
  readonly #directory: string
  readonly #entries: Descriptor[] = []
  #serial = 0

  private constructor(directory: string) {
    this.#directory = directory
  }

  /** Makes the directory ready; what an earlier build left there stays until `finish` replaces the index. */
  static async create(directory: string): Promise<LayoutBuilder> {
    await mkdir(join(directory, 'blobs', 'sha256'), { recursive: true })
    return new LayoutBuilder(directory)
  }

  /** Packs `entries`, in their order, into one layer blob. */
  async addLayer(
    entries: Iterable<LayerEntry>,
    options: { readonly compression?: Compression; readonly family?: MediaFamily } = {},
  ): Promise<Layer> {
    const compression = options.compression ?? 'gzip'
    const temporary = join(this.#directory, `.layer-${process.pid}-${this.#serial++}`)
    const diff = createHash('sha256')
    const blob = createHash('sha256')
    try {
      const chain = [Readable.from(packTar(entries)), observe(diff), ...compressor(compression), observe(blob)]
      await pipeline([...chain, createWriteStream(temporary)])
      const digest = `sha256:${blob.digest('hex')}`
      const { size } = await stat(temporary)
      await rename(temporary, this.#blobPath(digest))
      const mediaType = LAYER_MEDIA[options.family ?? 'oci'][compression]
      return { descriptor: { mediaType, digest, size }, diffId: `sha256:${diff.digest('hex')}` }
    } finally {
      await rm(temporary, { force: true })
    }
  }

  /** Adds configuration and manifest of one image; with `names` it is listed in the layout's index. */
  async addImage(recipe: ImageRecipe): Promise<Descriptor> {
    const media = MEDIA[recipe.family ?? 'oci']
    const platform = recipe.platform ?? hostPlatform()
    const config = await this.addJson(media.config, {
      ...platform,
      config: recipe.config ?? {},
      rootfs: { type: 'layers', diff_ids: recipe.layers.map((layer) => layer.diffId) },
      history: recipe.layers.map(() => ({ created_by: recipe.createdBy ?? 'gantry e2e' })),
    })
    const manifest = await this.addJson(media.manifest, {
      schemaVersion: 2,
      mediaType: media.manifest,
      config,
      layers: recipe.layers.map((layer) => layer.descriptor),
      ...(recipe.annotations === undefined ? {} : { annotations: recipe.annotations }),
    })
    this.#list(manifest, recipe.names ?? [])
    return { ...manifest, platform }
  }

  /** Adds an index over images of several platforms; `manifests` carry their platforms (as `addImage` returns them). */
  async addIndex(
    manifests: readonly Descriptor[],
    names: readonly string[],
    family: MediaFamily = 'oci',
  ): Promise<Descriptor> {
    const mediaType = MEDIA[family].index
    const index = await this.addJson(mediaType, { schemaVersion: 2, mediaType, manifests })
    this.#list(index, names)
    return index
  }

  /** Stores any JSON document as a blob. */
  async addJson(mediaType: string, document: unknown): Promise<Descriptor> {
    const bytes = Buffer.from(JSON.stringify(document))
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    await writeFile(this.#blobPath(digest), bytes)
    return { mediaType, digest, size: bytes.length }
  }

  /** Writes `oci-layout` and `index.json`; only now the layout is complete. */
  async finish(): Promise<void> {
    await writeFile(join(this.#directory, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
    const index = { schemaVersion: 2, mediaType: MEDIA.oci.index, manifests: this.#entries }
    const temporary = join(this.#directory, `.index-${process.pid}`)
    await writeFile(temporary, JSON.stringify(index, undefined, 2))
    await rename(temporary, join(this.#directory, 'index.json'))
  }

  #list(descriptor: Descriptor, names: readonly string[]): void {
    for (const name of names) this.#entries.push({ ...descriptor, annotations: { [REF_NAME]: name } })
  }

  #blobPath(digest: string): string {
    return join(this.#directory, 'blobs', 'sha256', digest.slice('sha256:'.length))
  }
}

function compressor(compression: Compression): NodeJS.ReadWriteStream[] {
  if (compression === 'gzip') return [createGzip({ level: 6 })]
  return compression === 'zstd' ? [createZstdCompress()] : []
}

function observe(hash: Hash): Transform {
  return new Transform({
    transform(chunk, _encoding, done) {
      hash.update(chunk)
      done(null, chunk)
    },
  })
}
