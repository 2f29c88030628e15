// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Descriptor, REF_NAME } from '../../deploy/image/build-layout.ts'
import { GantryError } from '../../runtime-core/errors.ts'

const INDEX_TYPES = new Set([
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
])

/** A blob or manifest a registry can serve. */
export interface Stored {
  readonly mediaType: string
  readonly digest: string
  /** Bytes. */
  readonly size: number
  readonly path: string
}

interface Repository {
  readonly tags: Map<string, Stored>
  readonly manifests: Map<string, Stored>
  readonly blobs: Map<string, Stored>
}

/**
 * What a set of OCI layouts holds, by repository. A repository knows only what its own images refer to, as a real
 * registry does. Layouts are read once; blobs stay on disk.
 */
export class Content {
  readonly #repositories = new Map<string, Repository>()

  private constructor() {}

  /** Reads the indexes of `layouts`; an entry without a name, or one whose blob is missing, is an error. */
  static async load(layouts: readonly string[]): Promise<Content> {
    const content = new Content()
    for (const layout of layouts) {
      const index = await readJson<{ manifests: Descriptor[] }>(join(layout, 'index.json'))
      for (const entry of index.manifests) await content.#add(layout, entry)
    }
    return content
  }

  /** Full names of all images, sorted: `registry.k8s.io/pause:3.9`. */
  names(): string[] {
    const names = [...this.#repositories].flatMap(([name, { tags }]) => [...tags.keys()].map((tag) => `${name}:${tag}`))
    return names.sort()
  }

  /** The tags of a repository, sorted, or undefined where it does not exist. */
  tags(repository: string, namespace: string | undefined): string[] | undefined {
    const found = this.#find(repository, namespace)
    return found === undefined ? undefined : [...found.tags.keys()].sort()
  }

  /** A manifest by tag or digest. `namespace` is the registry a mirror stands in for (`?ns=`). */
  manifest(repository: string, reference: string, namespace: string | undefined): Stored | undefined {
    const found = this.#find(repository, namespace)
    return found?.tags.get(reference) ?? found?.manifests.get(reference)
  }

  /** A configuration or layer by digest. */
  blob(repository: string, digest: string, namespace: string | undefined): Stored | undefined {
    const found = this.#find(repository, namespace)
    return found?.blobs.get(digest) ?? found?.manifests.get(digest)
  }

  // Without a namespace the client knows this server as the registry itself: any host's repository of that name will do.
  #find(repository: string, namespace: string | undefined): Repository | undefined {
    if (namespace !== undefined) return this.#repositories.get(`${namespace}/${repository}`)
    const direct = this.#repositories.get(repository)
    if (direct !== undefined) return direct
    for (const [name, found] of this.#repositories) if (name.slice(name.indexOf('/') + 1) === repository) return found
    return undefined
  }

  async #add(layout: string, entry: Descriptor): Promise<void> {
    const name = entry.annotations?.[REF_NAME] ?? ''
    const colon = name.lastIndexOf(':')
    if (colon <= name.lastIndexOf('/')) {
      throw new GantryError('invalid_argument', { action: 'serve image', subject: name, reason: 'no name with a tag' })
    }
    const repository = this.#repository(name.slice(0, colon))
    repository.tags.set(name.slice(colon + 1), await addManifest(layout, entry, repository))
  }

  #repository(name: string): Repository {
    const known = this.#repositories.get(name)
    if (known !== undefined) return known
    const added = { tags: new Map(), manifests: new Map(), blobs: new Map() }
    this.#repositories.set(name, added)
    return added
  }
}

async function addManifest(layout: string, descriptor: Descriptor, repository: Repository): Promise<Stored> {
  const stored = place(layout, descriptor)
  repository.manifests.set(stored.digest, stored)
  if (INDEX_TYPES.has(descriptor.mediaType)) {
    const { manifests } = await readJson<{ manifests: Descriptor[] }>(stored.path)
    for (const child of manifests) await addManifest(layout, child, repository)
  } else {
    const { config, layers } = await readJson<{ config: Descriptor; layers: Descriptor[] }>(stored.path)
    for (const blob of [config, ...layers]) repository.blobs.set(blob.digest, place(layout, blob))
  }
  return stored
}

function place(layout: string, { mediaType, digest, size }: Descriptor): Stored {
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) {
    throw new GantryError('invalid_argument', { action: 'serve blob', subject: digest, reason: 'not a sha256 digest' })
  }
  return { mediaType, digest, size, path: join(layout, 'blobs', 'sha256', digest.slice('sha256:'.length)) }
}

async function readJson<T>(path: string): Promise<T> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw new GantryError('failed_precondition', { action: 'read image layout', subject: path, cause })
  }
}
