// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../runtime-core/errors.ts'
import { isObject } from '../translate/exact-json.ts'
import { isCdiDeviceName, isCdiKind } from './names.ts'

/** A CDI specification file (CDI specification 1.1.0), checked. */
export interface CdiDocument {
  /** `vendor/class`. */
  readonly kind: string
  /** For every container that gets one of the devices. */
  readonly edits: CdiEdits
  readonly devices: ReadonlyMap<string, CdiEdits>
}

/** What a device changes in the specification of a container: `containerEdits`. */
export interface CdiEdits {
  readonly env: readonly string[]
  readonly deviceNodes: readonly CdiDeviceNode[]
  readonly netDevices: readonly string[]
  readonly mounts: readonly CdiMount[]
  readonly hooks: readonly CdiHook[]
  readonly additionalGids: readonly number[]
  readonly hasIntelRdt: boolean
}

export interface CdiDeviceNode {
  readonly path: string
  readonly hostPath?: string
  readonly type?: string
  readonly major?: number
  readonly minor?: number
  readonly fileMode?: number
  readonly permissions?: string
  readonly uid?: number
  readonly gid?: number
}

export interface CdiMount {
  readonly hostPath: string
  readonly containerPath: string
  readonly type?: string
  readonly options: readonly string[]
}

export interface CdiHook {
  readonly hookName: string
  readonly path: string
}

const VERSIONS: ReadonlySet<string> = new Set(
  '0.1.0 0.2.0 0.3.0 0.4.0 0.5.0 0.6.0 0.7.0 0.8.0 1.0.0 1.1.0 1.1.1'.split(' '),
)
const HOOK_NAMES: ReadonlySet<string> = new Set(
  'prestart createRuntime createContainer startContainer poststart poststop'.split(' '),
)
const MAX_ID = 2 ** 32 - 1

/**
 * Checks a CDI specification. An unknown key is an error, as the specification has it: half of a device would be worse
 * than none.
 *
 * @param value The file's content, from JSON or YAML.
 * @param path Of the file, for errors.
 * @throws GantryError failed_precondition naming file and key.
 */
export function parseCdiDocument(value: unknown, path: string): CdiDocument {
  const reader = new Reader(path)
  const top = reader.object(value, 'it', ['cdiVersion', 'kind', 'annotations', 'devices', 'containerEdits'])
  const version = reader.text(top, 'cdiVersion').replace(/^v/, '')
  if (!VERSIONS.has(version)) throw reader.bad('cdiVersion', `"${version}" is not known`)
  const kind = reader.text(top, 'kind')
  if (!isCdiKind(kind)) throw reader.bad('kind', `"${kind}" is not vendor/class`)
  const devices = new Map<string, CdiEdits>()
  for (const [index, item] of reader.list(top, 'devices').entries()) {
    const device = reader.object(item, `devices[${index}]`, ['name', 'annotations', 'containerEdits'])
    const name = reader.text(device, 'name')
    if (!isCdiDeviceName(name)) throw reader.bad(`devices[${index}].name`, `"${name}" is no name`)
    if (devices.has(name)) throw reader.bad(`devices[${index}].name`, `"${name}" comes twice`)
    devices.set(name, parseEdits(reader, device['containerEdits'], `devices[${index}].containerEdits`))
  }
  if (devices.size === 0) throw reader.bad('devices', 'it is empty')
  return { kind, edits: parseEdits(reader, top['containerEdits'] ?? {}, 'containerEdits'), devices }
}

const EDITS = ['env', 'deviceNodes', 'netDevices', 'mounts', 'hooks', 'intelRdt', 'additionalGids'] as const

function parseEdits(reader: Reader, value: unknown, where: string): CdiEdits {
  const edits = reader.object(value, where, EDITS)
  const each = <T>(key: (typeof EDITS)[number], read: (item: unknown, at: string) => T): T[] =>
    reader.list(edits, key).map((item, index) => read(item, `${where}.${key}[${index}]`))
  return {
    env: each('env', (item, at) => {
      if (typeof item !== 'string' || !/^[^=\0]+=[^\0]*$/.test(item)) throw reader.bad(at, 'expected NAME=value')
      return item
    }),
    deviceNodes: each('deviceNodes', (item, at) => parseDeviceNode(reader, item, at)),
    netDevices: each('netDevices', (item, at) =>
      reader.text(reader.object(item, at, ['hostInterfaceName', 'name']), 'hostInterfaceName'),
    ),
    mounts: each('mounts', (item, at) => parseMount(reader, item, at)),
    hooks: each('hooks', (item, at) => parseHook(reader, item, at)),
    additionalGids: each('additionalGids', (item, at) => reader.id(item, at)),
    hasIntelRdt: edits['intelRdt'] !== undefined,
  }
}

function parseDeviceNode(reader: Reader, value: unknown, at: string): CdiDeviceNode {
  const numbers = ['major', 'minor', 'fileMode', 'uid', 'gid'] as const
  const node = reader.object(value, at, ['path', 'hostPath', 'type', 'permissions', ...numbers])
  const { hostPath, type, permissions } = reader.texts(node, ['hostPath', 'type', 'permissions'])
  if (type !== undefined && !['b', 'c', 'u', 'p'].includes(type)) throw reader.bad(`${at}.type`, `"${type}" is none`)
  if (permissions !== undefined && permissions !== 'none' && !/^[rwm]+$/.test(permissions)) {
    throw reader.bad(`${at}.permissions`, `"${permissions}" is not some of r, w and m`)
  }
  const given = numbers.flatMap((key) => (node[key] === undefined ? [] : [[key, reader.id(node[key], `${at}.${key}`)]]))
  return {
    path: reader.path(node, 'path', at),
    ...(hostPath === undefined ? {} : { hostPath: reader.path(node, 'hostPath', at) }),
    ...(type === undefined ? {} : { type }),
    ...(permissions === undefined ? {} : { permissions }),
    ...Object.fromEntries(given),
  }
}

function parseMount(reader: Reader, value: unknown, at: string): CdiMount {
  const mount = reader.object(value, at, ['hostPath', 'containerPath', 'type', 'options'])
  const { type } = reader.texts(mount, ['type'])
  const options = reader.list(mount, 'options').map((option) => {
    if (typeof option !== 'string' || option === '') throw reader.bad(`${at}.options`, 'expected texts')
    return option
  })
  return {
    hostPath: reader.text(mount, 'hostPath'),
    containerPath: reader.path(mount, 'containerPath', at),
    ...(type === undefined ? {} : { type }),
    options,
  }
}

function parseHook(reader: Reader, value: unknown, at: string): CdiHook {
  const hook = reader.object(value, at, ['hookName', 'path', 'args', 'env', 'timeout'])
  const hookName = reader.text(hook, 'hookName')
  if (!HOOK_NAMES.has(hookName)) throw reader.bad(`${at}.hookName`, `"${hookName}" is not known`)
  return { hookName, path: reader.path(hook, 'path', at) }
}

/** Takes a document apart; every complaint names the file and the place in it. */
class Reader {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  bad(where: string, reason: string): GantryError {
    return new GantryError('failed_precondition', {
      action: 'read CDI specification',
      subject: this.#file,
      reason: `${where}: ${reason}`,
    })
  }

  object(value: unknown, where: string, keys: readonly string[]): Readonly<Record<string, unknown>> {
    if (!isObject(value)) throw this.bad(where, 'expected an object')
    const unknown = Object.keys(value).find((key) => !keys.includes(key))
    if (unknown !== undefined) throw this.bad(where, `"${unknown}" is not known`)
    return value
  }

  list(owner: Readonly<Record<string, unknown>>, key: string): readonly unknown[] {
    const value = owner[key] ?? []
    if (!Array.isArray(value)) throw this.bad(key, 'expected a list')
    return value
  }

  text(owner: Readonly<Record<string, unknown>>, key: string): string {
    const value = owner[key]
    if (typeof value !== 'string' || value === '' || value.includes('\0')) throw this.bad(key, 'expected a text')
    return value
  }

  /** Texts that may be absent; an empty one counts as absent. */
  texts<const K extends string>(owner: Readonly<Record<string, unknown>>, keys: readonly K[]) {
    const given = keys.flatMap((key) => ((owner[key] ?? '') === '' ? [] : [[key, this.text(owner, key)] as const]))
    return Object.fromEntries(given) as { readonly [Key in K]?: string }
  }

  path(owner: Readonly<Record<string, unknown>>, key: string, where: string): string {
    const value = this.text(owner, key)
    if (!value.startsWith('/')) throw this.bad(`${where}.${key}`, `"${value}" is not an absolute path`)
    return value
  }

  id(value: unknown, where: string): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_ID) return value
    throw this.bad(where, `expected a whole number from 0 to ${MAX_ID}`)
  }
}
