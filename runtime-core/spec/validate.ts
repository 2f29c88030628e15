// SPDX-License-Identifier: Apache-2.0

import { GantryError } from '../errors.ts'
import {
  also,
  array,
  boolean,
  type Decoder,
  fieldPaths,
  matching,
  nonEmpty,
  object,
  record,
  text,
  wrong,
} from './decode.ts'
import { linux, mappings } from './decode-linux.ts'
import { hooks, process } from './decode-process.ts'
import { parseExact } from './json.ts'
import type { OciLinux, OciMount, OciRoot, OciSpec } from './types.ts'

/**
 * Reads the text of a config.json.
 *
 * @throws GantryError `invalid_argument` that names the first wrong field by its path, its value and what is expected.
 */
export function parseSpec(json: string): OciSpec {
  let value: unknown
  try {
    value = parseExact(json)
  } catch (cause) {
    throw new GantryError('invalid_argument', { action: 'read config.json', cause })
  }
  return validateSpec(value)
}

/** {@link parseSpec} of what is parsed already. */
export function validateSpec(value: unknown): OciSpec {
  return spec(value, '')
}

/** Reads the `process` of an exec (`runc exec --process FILE`). */
export function parseProcess(json: string): NonNullable<OciSpec['process']> {
  try {
    return process(parseExact(json), 'process')
  } catch (cause) {
    if (cause instanceof GantryError) throw cause
    throw new GantryError('invalid_argument', { action: 'read process', cause })
  }
}

/** Every field of config.json that there is: `linux.resources.cpu.shares`. */
export function specFields(): readonly string[] {
  return fieldPaths(spec)
}

/** A relative destination begins at the root (config.md §mounts): old files have some. */
const destination: Decoder<string> = (value, path) => {
  const given = nonEmpty(value, path)
  return given.startsWith('/') ? given : `/${given}`
}

const mount = also(
  object<OciMount>(
    {
      destination,
      type: text,
      source: text,
      options: array(nonEmpty),
      uidMappings: mappings,
      gidMappings: mappings,
    },
    ['destination'],
  ),
  ({ uidMappings = [], gidMappings = [] }, path) => {
    if (uidMappings.length > 0 === gidMappings.length > 0) return
    const missing = uidMappings.length > 0 ? 'gidMappings' : 'uidMappings'
    throw wrong(`${path}.${missing}`, undefined, 'both mappings or none')
  },
)

const spec: Decoder<OciSpec> = also(
  object<OciSpec>(
    {
      ociVersion: matching(/^1\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/, 'a version 1.x.y'),
      root: object<OciRoot>({ path: nonEmpty, readonly: boolean }, ['path']),
      hostname: text,
      domainname: text,
      mounts: array(mount),
      process,
      hooks,
      annotations: also(record(text), (annotations, path) => {
        if (Object.hasOwn(annotations, '')) throw wrong(path, annotations, 'keys that are not empty')
      }),
      linux,
    },
    ['ociVersion', 'root'],
  ),
  (decoded) => refuseContradictions(decoded),
)

/** What each field says is good, and still not possible together. */
function refuseContradictions({ hostname, domainname, linux: { ...given } = {} }: OciSpec): void {
  const has = (type: string) => given.namespaces?.some((namespace) => namespace.type === type) === true
  if (hostname && !has('uts')) throw wrong('hostname', hostname, 'a UTS namespace in linux.namespaces')
  if (domainname && !has('uts')) throw wrong('domainname', domainname, 'a UTS namespace in linux.namespaces')
  if (Object.keys(given.netDevices ?? {}).length > 0 && !has('network')) {
    throw wrong('linux.netDevices', given.netDevices, 'a network namespace in linux.namespaces')
  }
  refuseUnusableMappings(given, has('user'))
  refuseUnusableOffsets(given)
}

function refuseUnusableMappings({ uidMappings = [], gidMappings = [], namespaces = [] }: OciLinux, has: boolean): void {
  if (!has) {
    if (uidMappings.length > 0) throw wrong('linux.uidMappings', uidMappings, 'a user namespace in linux.namespaces')
    if (gidMappings.length > 0) throw wrong('linux.gidMappings', gidMappings, 'a user namespace in linux.namespaces')
    return
  }
  if (namespaces.some(({ type, path }) => type === 'user' && path !== undefined)) return
  if (uidMappings.length === 0) throw wrong('linux.uidMappings', undefined, 'mappings for the new user namespace')
  if (gidMappings.length === 0) throw wrong('linux.gidMappings', undefined, 'mappings for the new user namespace')
}

/** Offsets can only be given to a time namespace that nobody is in (time_namespaces(7)). */
function refuseUnusableOffsets({ timeOffsets = {}, namespaces = [] }: OciLinux): void {
  if (Object.keys(timeOffsets).length === 0) return
  if (namespaces.some(({ type, path }) => type === 'time' && path === undefined)) return
  throw wrong('linux.timeOffsets', timeOffsets, 'a new time namespace in linux.namespaces')
}
