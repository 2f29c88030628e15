// SPDX-License-Identifier: Apache-2.0
import type { DatabaseSync } from 'node:sqlite'
import { GantryError } from '../../runtime-core/errors.ts'
import { chainIds, parseConfig } from './manifest.ts'
import { parseImageId, parseReference, type Reference } from './reference.ts'

/** An image on this node. Values never change; a pull that changes an image makes a new record. */
export interface ImageRecord {
  /** `sha256:` and the digest of the config. */
  readonly id: string
  /** Normalised, sorted: `docker.io/library/busybox:latest`. */
  readonly tags: readonly string[]
  /** `name@digest` of what was pulled: the index's where there was one. */
  readonly digests: readonly string[]
  /** Unpacked, bytes. */
  readonly size: number
  /** Of config.User: one of the two, or neither where it is empty. */
  readonly uid: number | undefined
  readonly username: string | undefined
  readonly isPinned: boolean
  /** The image config (image-spec, config.md) as fetched. */
  readonly config: string
  /** The platform's manifest as fetched. */
  readonly manifest: string
  /** Keys of its layers, oldest first. */
  readonly chain: readonly string[]
  readonly pulledAtMs: number
}

/** What a finished pull knows. */
export interface PulledImage {
  readonly id: string
  readonly config: string
  readonly manifest: string
  readonly size: number
  readonly reference: Reference
  /** Of the top-level document. */
  readonly digest: string
  readonly pulledAtMs: number
}

interface Entry {
  readonly row: Omit<ImageRecord, 'tags' | 'digests' | 'isPinned'>
  readonly tags: Set<string>
  readonly digests: Set<string>
  /** Made once, until something changes. */
  record: ImageRecord | undefined
}

/** The records of images: SQLite holds them, memory answers. */
export class ImageStore {
  readonly #db: DatabaseSync
  readonly #isPinned: (tag: string) => boolean
  readonly #images = new Map<string, Entry>()
  readonly #byRef = new Map<string, string>()

  /** @param pinned references (normalised on the way in) whose images the kubelet must not collect; `*` matches any text */
  constructor(db: DatabaseSync, pinned: readonly string[]) {
    this.#db = db
    this.#isPinned = matcher(pinned)
  }

  /** Read all records. Those for which `hasLayers` denies are dropped, and returned. */
  load(hasLayers: (chain: readonly string[]) => boolean): string[] {
    const dropped: string[] = []
    for (const row of this.#db.prepare('SELECT * FROM images').all()) {
      const id = String(row['id'])
      const config = String(row['config'])
      const base = baseOf(id, config, String(row['manifest']), Number(row['size']), Number(row['pulled_at_ms']))
      if (hasLayers(base.chain))
        this.#images.set(id, { row: base, tags: new Set(), digests: new Set(), record: undefined })
      else dropped.push(id)
    }
    for (const row of this.#db.prepare('SELECT * FROM image_refs').all()) {
      const entry = this.#images.get(String(row['image_id']))
      if (entry === undefined) continue
      const names = row['kind'] === 'tag' ? entry.tags : entry.digests
      names.add(String(row['ref']))
      this.#byRef.set(String(row['ref']), entry.row.id)
    }
    for (const id of dropped) this.#deleteRows(id)
    return dropped
  }

  /** All images, each once. */
  list(): ImageRecord[] {
    return [...this.#images.values()].map((entry) => this.#recordOf(entry))
  }

  /**
   * The image that a text names: an id with or without `sha256:`, an unambiguous prefix of one, a tag, a digest, or a
   * name alone (`:latest`). Undefined when there is none.
   */
  find(text: string): ImageRecord | undefined {
    const id = this.#images.has(text) ? text : (this.#idByReference(text) ?? this.#idByPrefix(text))
    const entry = id === undefined ? undefined : this.#images.get(id)
    return entry === undefined ? undefined : this.#recordOf(entry)
  }

  /**
   * Record a pulled image. A tag that named another image moves; that image keeps its digests. Returns the new record.
   */
  add(image: PulledImage): ImageRecord {
    const { id, config, manifest, size, reference, digest, pulledAtMs } = image
    let entry = this.#images.get(id)
    this.#transaction(() => {
      this.#db
        .prepare(
          'INSERT INTO images (id, config, manifest, size, pulled_at_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING',
        )
        .run(id, config, manifest, size, pulledAtMs)
      const put = this.#db.prepare('INSERT OR REPLACE INTO image_refs (ref, image_id, kind) VALUES (?, ?, ?)')
      for (const [ref, kind] of namesOf(reference, digest)) {
        this.#db.prepare('DELETE FROM image_refs WHERE ref = ?').run(ref)
        put.run(ref, id, kind)
      }
    })
    if (entry === undefined) {
      const row = baseOf(id, config, manifest, size, pulledAtMs)
      entry = { row, tags: new Set(), digests: new Set(), record: undefined }
      this.#images.set(id, entry)
    }
    for (const [ref, kind] of namesOf(reference, digest)) this.#move(ref, kind, entry)
    return this.#recordOf(entry)
  }

  /** Forget an image with all its names. Returns false when it is not known. */
  remove(id: string): boolean {
    const entry = this.#images.get(id)
    if (entry === undefined) return false
    this.#deleteRows(id)
    this.#images.delete(id)
    for (const ref of [...entry.tags, ...entry.digests]) if (this.#byRef.get(ref) === id) this.#byRef.delete(ref)
    return true
  }

  #move(ref: string, kind: 'tag' | 'digest', entry: Entry): void {
    const former = this.#images.get(this.#byRef.get(ref) ?? '')
    if (former !== undefined && former !== entry) {
      former.tags.delete(ref)
      former.digests.delete(ref)
      former.record = undefined
    }
    const names = kind === 'tag' ? entry.tags : entry.digests
    names.add(ref)
    this.#byRef.set(ref, entry.row.id)
    entry.record = undefined
  }

  #idByReference(text: string): string | undefined {
    try {
      return this.#byRef.get(parseReference(text).text)
    } catch (error) {
      // Not a reference: it may be an id.
      if (error instanceof GantryError) return undefined
      throw error
    }
  }

  #idByPrefix(text: string): string | undefined {
    const hex = parseImageId(text)
    if (hex === undefined) return undefined
    const matches = [...this.#images.keys()].filter((id) => id.startsWith(`sha256:${hex}`))
    return matches.length === 1 ? matches[0] : undefined
  }

  #recordOf(entry: Entry): ImageRecord {
    if (entry.record !== undefined) return entry.record
    const tags = [...entry.tags].sort()
    const isPinned = tags.some(this.#isPinned)
    entry.record = Object.freeze({ ...entry.row, tags, digests: [...entry.digests].sort(), isPinned })
    return entry.record
  }

  #deleteRows(id: string): void {
    this.#transaction(() => {
      this.#db.prepare('DELETE FROM image_refs WHERE image_id = ?').run(id)
      this.#db.prepare('DELETE FROM images WHERE id = ?').run(id)
    })
  }

  #transaction(work: () => void): void {
    this.#db.exec('SAVEPOINT image')
    try {
      work()
      this.#db.exec('RELEASE image')
    } catch (error) {
      this.#db.exec('ROLLBACK TO image')
      this.#db.exec('RELEASE image')
      throw error
    }
  }
}

function namesOf(reference: Reference, digest: string): readonly (readonly [string, 'tag' | 'digest'])[] {
  const names: [string, 'tag' | 'digest'][] = [[`${reference.name}@${digest}`, 'digest']]
  if (reference.tag !== undefined) names.push([`${reference.name}:${reference.tag}`, 'tag'])
  return names
}

function baseOf(id: string, config: string, manifest: string, size: number, pulledAtMs: number): Entry['row'] {
  const bytes = Buffer.from(config)
  const { diffIds, user } = parseConfig(bytes, undefined, id)
  return { id, config, manifest, size, pulledAtMs, chain: chainIds(diffIds), ...userOf(user) }
}

/** `1000:100` → uid 1000; `www-data` → that name; empty → neither (CRI Image.uid and Image.username). */
function userOf(user: string): { uid: number | undefined; username: string | undefined } {
  const name = user.split(':')[0] ?? ''
  if (/^\d{1,15}$/.test(name)) return { uid: Number(name), username: undefined }
  return { uid: undefined, username: name === '' ? undefined : name }
}

function matcher(pinned: readonly string[]): (tag: string) => boolean {
  const patterns = pinned.map((text) => {
    const full = text.includes('*') ? text : parseReference(text).text
    const escaped = full.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
    return new RegExp(`^${escaped.join('.*')}$`)
  })
  return (tag) => patterns.some((pattern) => pattern.test(tag))
}
