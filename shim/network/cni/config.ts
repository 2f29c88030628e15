// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../../runtime-core/errors.ts'
import { asObject, type JsonObject, textOf } from './json.ts'
import { type CniVersion, isKnownVersion, newestOf, newestVersion } from './version.ts'

/** One plugin object of a network list. */
export interface PluginConfig {
  /** File name of the plugin's binary; never holds a path separator. */
  readonly type: string
  /** Capabilities declared true, in the object's order. */
  readonly capabilities: readonly string[]
  /** The object as written, unknown keys included. */
  readonly body: JsonObject
}

/** A network: the plugins that make an attachment, in ADD order. */
export interface NetworkList {
  readonly name: string
  readonly cniVersion: CniVersion
  readonly disableCheck: boolean
  readonly disableGc: boolean
  readonly plugins: readonly PluginConfig[]
  /** JSON text that `parseNetworkList` turns into this very list: what the result cache keeps for DEL. */
  readonly text: string
}

/** Where a list may find more plugin objects (CNI spec 1.1, `loadOnlyInlinedPlugins`). */
export interface ListHead {
  readonly name: string
  /** False when the list wants its inlined plugins only. */
  readonly readsSiblingDirectory: boolean
}

const namePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/

/** True for a valid network name or container id (CNI spec, section 1 and "Parameters"). */
export function isCniName(text: string): boolean {
  // network, container id and interface make one file name of the result cache, which ends at 255 bytes
  return text.length <= 119 && namePattern.test(text)
}

/** True for a valid interface name: the kernel's rule, which the specification repeats. */
export function isInterfaceName(text: string): boolean {
  return text !== '' && text.length <= 15 && text !== '.' && text !== '..' && !/[/:\s]/.test(text)
}

/** Reads no more than what tells whether a sibling directory belongs to the list. Throws as parseNetworkList does. */
export function readListHead(text: string, file: string): ListHead {
  const raw = parseObject(text, file)
  const onlyInlined = flagOf(raw, 'loadOnlyInlinedPlugins', file)
  if (onlyInlined && raw['plugins'] === undefined) {
    throw bad(file, '"loadOnlyInlinedPlugins" is true and there is no "plugins"')
  }
  return { name: nameOf(raw, file), readsSiblingDirectory: !onlyInlined }
}

/**
 * Parses a `.conflist` (CNI spec 1.1.0, section 1). `siblings` are the texts of the plugin objects found in the
 * list's own directory; they come after the inlined ones.
 * Throws invalid_argument naming `file` and the offending key.
 */
export function parseNetworkList(text: string, file: string, siblings: readonly SiblingText[] = []): NetworkList {
  const raw = parseObject(text, file)
  const name = nameOf(raw, file)
  const inlined = raw['plugins'] === undefined ? [] : inlinedPlugins(raw['plugins'], file)
  const fromDirectory = siblings.map((sibling) =>
    parsePlugin(parseObject(sibling.text, sibling.file), sibling.file, ''),
  )
  const plugins = [...inlined, ...fromDirectory]
  if (plugins.length === 0) throw bad(file, 'no plugins')
  return {
    name,
    cniVersion: versionOf(raw, file),
    disableCheck: flagOf(raw, 'disableCheck', file),
    disableGc: flagOf(raw, 'disableGC', file),
    plugins,
    text: JSON.stringify({ ...raw, loadOnlyInlinedPlugins: true, plugins: plugins.map((plugin) => plugin.body) }),
  }
}

/** A plugin object's text and the file it came from. */
export interface SiblingText {
  readonly file: string
  readonly text: string
}

/**
 * Parses a `.conf` or `.json`: one plugin object, wrapped into a list that takes its name and version.
 * Throws invalid_argument naming `file` and the offending key.
 */
export function parseSinglePlugin(text: string, file: string): NetworkList {
  const raw = parseObject(text, file)
  if (raw['type'] === undefined && raw['plugins'] !== undefined) {
    throw bad(file, 'a network list belongs into a file named .conflist')
  }
  const wrapped = { cniVersion: raw['cniVersion'], name: raw['name'], plugins: [raw] }
  return parseNetworkList(JSON.stringify(wrapped), file)
}

function parseObject(text: string, file: string): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new GantryError('invalid_argument', { action: 'parse cni configuration', subject: file, cause })
  }
  const object = asObject(value)
  if (object === undefined) throw bad(file, 'not a JSON object')
  return object
}

function nameOf(raw: JsonObject, file: string): string {
  const name = textOf(raw, 'name')
  if (name === undefined) throw bad(file, 'missing "name"')
  if (!isCniName(name)) throw bad(file, `invalid name ${JSON.stringify(name)}`)
  return name
}

function versionOf(raw: JsonObject, file: string): CniVersion {
  const more = raw['cniVersions'] ?? []
  if (!Array.isArray(more) || !more.every((entry) => typeof entry === 'string')) {
    throw bad(file, '"cniVersions" is not a list of strings')
  }
  const single = raw['cniVersion'] ?? ''
  if (typeof single !== 'string') throw bad(file, '"cniVersion" is not a string')
  // a configuration without a version is one of the first specification
  if (single === '' && more.length === 0) return '0.1.0'
  const chosen = newestOf([single, ...more])
  if (chosen !== undefined) return chosen
  const wanted = [single, ...more].filter((entry) => entry !== '' && !isKnownVersion(entry))
  throw bad(
    file,
    `unsupported cniVersion ${wanted.map((entry) => JSON.stringify(entry)).join(', ')}, newest known is ${newestVersion}`,
  )
}

function flagOf(raw: JsonObject, key: string, file: string): boolean {
  const value = raw[key] ?? false
  if (typeof value === 'boolean') return value
  // libcni takes the words too, and so configurations with them exist
  if (value === 'true' || value === 'false') return value === 'true'
  throw bad(file, `"${key}" is not a boolean`)
}

function inlinedPlugins(value: unknown, file: string): readonly PluginConfig[] {
  if (!Array.isArray(value)) throw bad(file, '"plugins" is not a list')
  if (value.length === 0) throw bad(file, '"plugins" is empty')
  return value.map((entry, index) => {
    const body = asObject(entry)
    if (body === undefined) throw bad(file, `plugin ${index}: not an object`)
    return parsePlugin(body, file, `plugin ${index}: `)
  })
}

function parsePlugin(body: JsonObject, file: string, prefix: string): PluginConfig {
  const type = textOf(body, 'type')
  if (type === undefined) throw bad(file, `${prefix}missing "type"`)
  if (!isPluginType(type)) throw bad(file, `${prefix}type ${JSON.stringify(type)} is not a file name`)
  const declared = asObject(body['capabilities'] ?? {})
  if (declared === undefined) throw bad(file, `${prefix}"capabilities" is not an object`)
  return { type, capabilities: Object.keys(declared).filter((key) => declared[key] === true), body }
}

/** True when a plugin's type is a mere file name: with a separator it could name any program of the host. */
export function isPluginType(type: string): boolean {
  return type !== '' && type !== '.' && type !== '..' && !/[/\\\0]/.test(type)
}

function bad(file: string, reason: string): GantryError {
  return new GantryError('invalid_argument', { action: 'parse cni configuration', subject: file, reason })
}
