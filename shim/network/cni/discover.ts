// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:fs'
import { open, readdir, stat } from 'node:fs/promises'
import { extname, join, resolve } from 'node:path'
import { errnoOf, GantryError, messageOf } from '../../../runtime-core/errors.ts'
import { type NetworkList, parseNetworkList, parseSinglePlugin, readListHead, type SiblingText } from './config.ts'
import { DirectoryWatcher } from './watch.ts'

/** A file that was left out, and why. */
export interface SkippedFile {
  readonly file: string
  /** Names the file itself. */
  readonly reason: string
}

/** One look at the configuration directory. */
export interface ConfigurationSnapshot {
  readonly dir: string
  /** Names of all files with a fitting extension, in the order they count. */
  readonly files: readonly string[]
  /** Usable networks in file order; the first is the pods' network. */
  readonly networks: readonly NetworkList[]
  readonly skipped: readonly SkippedFile[]
  /** Why the directory could not be listed. */
  readonly dirError: string | undefined
}

/** The CRI's NetworkReady condition. */
export interface NetworkStatus {
  readonly ready: boolean
  /** Empty when ready. */
  readonly reason: '' | 'NetworkPluginNotReady'
  readonly message: string
}

const extensions = ['.conf', '.conflist', '.json']
const maxFiles = 256
const maxFileBytes = 1024 * 1024

/**
 * Reads all network lists of a directory: `.conflist` lists, `.conf` and `.json` single plugins, ordered by the bytes
 * of their names, not recursive. A file that cannot be used is reported in `skipped` and hides no other.
 * Never throws for what the directory holds.
 */
export async function loadConfigurations(dir: string): Promise<ConfigurationSnapshot> {
  const listed = await listFiles(dir, extensions).catch((error: unknown) => ({ dirError: dirErrorOf(error) }))
  if ('dirError' in listed) return { dir, files: [], networks: [], skipped: [], dirError: listed.dirError }
  const networks = new Map<string, { readonly list: NetworkList; readonly file: string }>()
  const skipped: SkippedFile[] = []
  for (const file of listed) {
    const list = await loadFile(dir, file).catch((cause: unknown) => {
      const error = cause instanceof GantryError ? cause : unreadable(file, { cause })
      skipped.push({ file, reason: error.message })
      return undefined
    })
    if (list === undefined) continue
    const earlier = networks.get(list.name)
    if (earlier === undefined) networks.set(list.name, { list, file })
    else skipped.push({ file, reason: `"${file}": network "${list.name}" is defined by "${earlier.file}" already` })
  }
  return { dir, files: listed, networks: [...networks.values()].map(({ list }) => list), skipped, dirError: undefined }
}

/** NetworkReady as the configuration alone has it. The message names the directory, its files and what is wrong. */
export function configurationStatus(snapshot: ConfigurationSnapshot): NetworkStatus {
  const skipped = snapshot.skipped.map(({ reason }) => reason).join('; ')
  const [first] = snapshot.networks
  if (first !== undefined) {
    const note = skipped === '' ? '' : `; left out: ${skipped}`
    return { ready: true, reason: '', message: `network "${first.name}" of "${snapshot.dir}"${note}` }
  }
  const seen = snapshot.dirError ?? (skipped === '' ? 'no .conf, .conflist or .json file in it' : skipped)
  const message = `no usable cni configuration in "${snapshot.dir}": ${seen}`
  return { ready: false, reason: 'NetworkPluginNotReady', message }
}

export interface CniConfigurationsOptions {
  readonly dir: string
  /** Called after each load that found something else than the one before. */
  readonly onChange?: (snapshot: ConfigurationSnapshot) => void
  /** How long changes of the directory are gathered before it is read again, in ms. */
  readonly gatherMs?: number
}

/** The network configurations of a node, in memory, and kept in step with the directory. */
export class CniConfigurations {
  readonly #dir: string
  readonly #onChange: (snapshot: ConfigurationSnapshot) => void
  readonly #watcher: DirectoryWatcher
  #snapshot: ConfigurationSnapshot
  #signature = ''
  #loading: Promise<ConfigurationSnapshot> | undefined

  constructor(options: CniConfigurationsOptions) {
    this.#dir = resolve(options.dir)
    this.#onChange = options.onChange ?? (() => undefined)
    this.#snapshot = { dir: this.#dir, files: [], networks: [], skipped: [], dirError: 'not read yet' }
    const onChange = async () => {
      await this.refresh()
    }
    this.#watcher = new DirectoryWatcher(this.#dir, { onChange, gatherMs: options.gatherMs ?? 50 })
  }

  /** Watches the directory and reads it once. */
  async start(): Promise<void> {
    await this.#watcher.arm([])
    await this.refresh()
  }

  async close(): Promise<void> {
    await this.#watcher.close()
    await this.#loading
  }

  /** The pods' network, from memory; undefined when there is none. */
  current(): NetworkList | undefined {
    return this.#snapshot.networks[0]
  }

  /** All that the last look found, from memory. */
  snapshot(): ConfigurationSnapshot {
    return this.#snapshot
  }

  /** NetworkReady as the configuration alone has it, from memory. */
  status(): NetworkStatus {
    return configurationStatus(this.#snapshot)
  }

  /** Why changes may go unnoticed without `refresh`, undefined while the watch works. */
  get watchError(): unknown {
    return this.#watcher.error
  }

  /** Looks at the directory again; cheap when nothing changed (a listing, one stat a file). Calls share one look. */
  async refresh(): Promise<ConfigurationSnapshot> {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined
    })
    return await this.#loading
  }

  async #load(): Promise<ConfigurationSnapshot> {
    const names = this.#snapshot.networks.map((network) => network.name)
    const signature = await signatureOf(this.#dir, names)
    if (signature === this.#signature) return this.#snapshot
    const snapshot = await loadConfigurations(this.#dir)
    const found = snapshot.networks.map((network) => network.name)
    this.#snapshot = snapshot
    this.#signature = signature
    await this.#watcher.arm(found)
    // a list's own directory is watched, and part of the signature, only from the moment the list is known: look again
    if (found.join() !== names.join()) return await this.#load()
    this.#onChange(snapshot)
    return snapshot
  }
}

/** What tells one state of the directory from another: names, inodes, sizes, times. */
async function signatureOf(dir: string, networkNames: readonly string[]): Promise<string> {
  const parts: string[] = []
  for (const path of [dir, ...networkNames.map((name) => join(dir, name))]) {
    const files = await listFiles(path, extensions).catch(dirErrorOf)
    if (typeof files === 'string') {
      parts.push(`${path}: ${files}`)
      continue
    }
    for (const file of files) parts.push(await fileSignature(join(path, file)))
  }
  return parts.join('\n')
}

async function fileSignature(path: string): Promise<string> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return `${path} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
  } catch (error) {
    return `${path} ${messageOf(error)}`
  }
}

async function loadFile(dir: string, file: string): Promise<NetworkList> {
  const text = await readBounded(join(dir, file))
  if (extname(file) !== '.conflist') return parseSinglePlugin(text, file)
  const head = readListHead(text, file)
  return parseNetworkList(text, file, head.readsSiblingDirectory ? await siblingsOf(dir, head.name) : [])
}

/** Plugin objects in the list's own directory, `<dir>/<name>/*.conf` (CNI spec 1.1.0, section 1). */
async function siblingsOf(dir: string, name: string): Promise<readonly SiblingText[]> {
  const files = await listFiles(join(dir, name), ['.conf']).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return []
    throw error
  })
  const siblings: SiblingText[] = []
  for (const file of files) {
    siblings.push({ file: join(name, file), text: await readBounded(join(dir, name, file)) })
  }
  return siblings
}

async function listFiles(dir: string, wanted: readonly string[]): Promise<readonly string[]> {
  const entries = await readdir(dir, { withFileTypes: true })
  const names = entries.filter((entry) => !entry.isDirectory() && wanted.includes(extname(entry.name)))
  if (names.length > maxFiles) throw unreadable(dir, { reason: `${names.length} files, the limit is ${maxFiles}` })
  return names.map((entry) => entry.name).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

async function readBounded(path: string): Promise<string> {
  // O_NONBLOCK: a FIFO in the directory must not hold a thread for ever
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const found = await file.stat()
    if (!found.isFile()) throw unreadable(path, { reason: 'not a regular file' })
    if (found.size > maxFileBytes)
      throw unreadable(path, { reason: `${found.size} bytes, the limit is ${maxFileBytes}` })
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

function dirErrorOf(error: unknown): string {
  return errnoOf(error) === 'ENOENT' ? 'the directory does not exist' : messageOf(error)
}

function unreadable(subject: string, why: { readonly reason?: string; readonly cause?: unknown }): GantryError {
  return new GantryError('failed_precondition', { action: 'read cni configuration', subject, ...why })
}
