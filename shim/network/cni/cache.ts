// SPDX-License-Identifier: Apache-2.0

import { link, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, GantryError } from '../../../runtime-core/errors.ts'
import { jsonOf } from '../../../runtime-core/json-text.ts'
import { isCniName, isInterfaceName } from './config.ts'
import { asList, asObject, type JsonObject, textOf } from './json.ts'

/** Which attachment a cache file is about; its name is made of these. */
export interface AttachmentKey {
  readonly network: string
  readonly sandboxId: string
  readonly ifName: string
}

/** What is kept of an attachment, enough to undo it whatever the configuration says by then. */
export interface CachedAttachment extends AttachmentKey {
  /** The network list's text at ADD. */
  readonly config: string
  readonly netnsPath: string
  /** The namespace behind netnsPath at ADD, undefined when it was not known. */
  readonly netnsIdentity: string | undefined
  readonly args: readonly (readonly [string, string])[]
  readonly capabilityArgs: JsonObject
  /** The final ADD result; undefined while ADD is under way, and after a gantryd that died in it. */
  readonly result: JsonObject | undefined
}

/** A file of the cache: its attachment, or the reason it cannot be read. */
export interface CacheEntry {
  readonly key: AttachmentKey
  readonly attachment: CachedAttachment | undefined
}

const kind = 'cniCacheV1'

/**
 * The attachments on disk, one file each in `<dir>/results`, in libcni's format and under libcni's names, so that
 * other CNI tools can read them. A file is written before ADD (the intent) and again with the result after it, each
 * time atomically: whatever moment gantryd dies at, DEL finds the configuration it needs.
 */
export class AttachmentCache {
  readonly #dir: string
  #ready: Promise<unknown> | undefined

  constructor(dir: string) {
    this.#dir = join(dir, 'results')
  }

  /** Records the intent to attach. Throws already_exists when the attachment is on record. */
  async reserve(attachment: CachedAttachment): Promise<void> {
    await this.#directory()
    const path = this.#path(attachment)
    const draft = await this.#draft(attachment)
    try {
      await link(draft, path)
    } catch (cause) {
      if (errnoOf(cause) !== 'EEXIST') throw cacheError('write', path, cause)
      throw new GantryError('already_exists', {
        action: 'record network attachment',
        subject: attachment.sandboxId,
        reason: `network ${JSON.stringify(attachment.network)} is attached already`,
      })
    } finally {
      await rm(draft, { force: true })
    }
  }

  /** Writes the attachment, now with its result, over the intent. */
  async commit(attachment: CachedAttachment): Promise<void> {
    await this.#directory()
    const path = this.#path(attachment)
    const draft = await this.#draft(attachment)
    await rename(draft, path).catch((cause) => {
      throw cacheError('write', path, cause)
    })
  }

  /** Forgets the attachment; one that is not on record is no error. */
  async remove(key: AttachmentKey): Promise<void> {
    const path = this.#path(key)
    await rm(path, { force: true }).catch((cause) => {
      throw cacheError('remove', path, cause)
    })
  }

  /** All entries of one sandbox, or of all. Entries that cannot be read come with an undefined attachment. */
  async list(sandboxId?: string): Promise<readonly CacheEntry[]> {
    const names = await readdir(this.#dir).catch((cause) => {
      if (errnoOf(cause) === 'ENOENT') return []
      throw cacheError('list', this.#dir, cause)
    })
    const found = sandboxId === undefined ? names : names.filter((name) => name.includes(`-${sandboxId}-`))
    const entries: CacheEntry[] = []
    // one after the other: recovery reads hundreds, and the thread pool is for everyone
    for (const name of found.sort()) {
      const entry = name.startsWith('.') ? undefined : await this.#read(name)
      if (entry !== undefined && (sandboxId === undefined || entry.key.sandboxId === sandboxId)) entries.push(entry)
    }
    return entries
  }

  async #read(name: string): Promise<CacheEntry | undefined> {
    const key = parseName(name)
    const text = await readFile(join(this.#dir, name), 'utf8').catch((cause) => {
      if (errnoOf(cause) === 'ENOENT') return undefined
      throw cacheError('read', join(this.#dir, name), cause)
    })
    if (text === undefined) return undefined
    const attachment = parseAttachment(text)
    if (attachment === undefined) return key === undefined ? undefined : { key, attachment }
    // the name says where the file is; contents that speak of another attachment are not believed
    return fileName(attachment) === name ? { key: attachment, attachment } : undefined
  }

  async #draft(attachment: CachedAttachment): Promise<string> {
    const draft = join(this.#dir, `.${fileName(attachment)}.${process.pid}.tmp`)
    await writeFile(draft, format(attachment), { mode: 0o600 }).catch(async (cause) => {
      await rm(draft, { force: true })
      throw cacheError('write', draft, cause)
    })
    return draft
  }

  async #directory(): Promise<void> {
    this.#ready ??= mkdir(this.#dir, { recursive: true, mode: 0o700 })
    await this.#ready.catch((cause) => {
      this.#ready = undefined
      throw cacheError('create', this.#dir, cause)
    })
  }

  #path(key: AttachmentKey): string {
    return join(this.#dir, fileName(key))
  }
}

function fileName({ network, sandboxId, ifName }: AttachmentKey): string {
  return `${network}-${sandboxId}-${ifName}`
}

/** Takes a name apart; a network's name may hold dashes, sandbox ids of Gantry never do. */
function parseName(name: string): AttachmentKey | undefined {
  const match = /^(.+)-([^-]+)-([^-]+)$/.exec(name)
  const [, network = '', sandboxId = '', ifName = ''] = match ?? []
  if (!isCniName(network) || !isCniName(sandboxId) || !isInterfaceName(ifName)) return undefined
  return { network, sandboxId, ifName }
}

function format(attachment: CachedAttachment): string {
  return JSON.stringify({
    kind,
    containerId: attachment.sandboxId,
    config: Buffer.from(attachment.config).toString('base64'),
    ifName: attachment.ifName,
    networkName: attachment.network,
    netns: attachment.netnsPath,
    netnsIdentity: attachment.netnsIdentity,
    cniArgs: attachment.args,
    capabilityArgs: attachment.capabilityArgs,
    result: attachment.result,
  })
}

function parseAttachment(text: string): CachedAttachment | undefined {
  const raw = asObject(jsonOf(text))
  if (raw === undefined || raw['kind'] !== kind) return undefined
  const network = textOf(raw, 'networkName')
  const sandboxId = textOf(raw, 'containerId')
  const ifName = textOf(raw, 'ifName')
  const config = textOf(raw, 'config')
  if (network === undefined || sandboxId === undefined || ifName === undefined || config === undefined) return undefined
  return {
    network,
    sandboxId,
    ifName,
    config: Buffer.from(config, 'base64').toString('utf8'),
    netnsPath: textOf(raw, 'netns') ?? '',
    netnsIdentity: textOf(raw, 'netnsIdentity'),
    args: (asList(raw['cniArgs']) ?? []).filter(isPair),
    capabilityArgs: asObject(raw['capabilityArgs']) ?? {},
    result: asObject(raw['result']),
  }
}

function isPair(value: unknown): value is readonly [string, string] {
  return Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === 'string')
}

function cacheError(verb: string, path: string, cause: unknown): GantryError {
  const code = errnoOf(cause) === 'ENOSPC' ? 'resource_exhausted' : 'internal'
  return new GantryError(code, { action: `${verb} network attachment`, subject: path, cause })
}
