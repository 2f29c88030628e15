// SPDX-License-Identifier: Apache-2.0

import {
  absolutePath,
  also,
  array,
  boolean,
  type Decoder,
  distinct,
  integer,
  matching,
  nonEmpty,
  object,
  oneOf,
  record,
  text,
  uint32,
  wrong,
} from './decode.ts'
import { cpuList } from './decode-process.ts'
import { resources } from './decode-resources.ts'
import { seccomp } from './decode-seccomp.ts'
import {
  MEMORY_POLICY_FLAGS,
  MEMORY_POLICY_MODES,
  NAMESPACE_TYPES,
  PERSONALITY_DOMAINS,
  ROOT_PROPAGATIONS,
} from './names.ts'
import type {
  OciDevice,
  OciIdMapping,
  OciIntelRdt,
  OciLinux,
  OciMemoryPolicy,
  OciNamespace,
  OciPersonality,
} from './types.ts'

/** `linux` of config.json (config-linux.md). */

const mapping = also(
  object<OciIdMapping>({ containerID: uint32, hostID: uint32, size: integer(1, 0xffff_ffff) }, [
    'containerID',
    'hostID',
    'size',
  ]),
  ({ containerID, hostID, size }, path) => {
    const last = Math.max(containerID, hostID) + size - 1
    if (last > 0xffff_ffff) throw wrong(`${path}.size`, size, 'ids up to 4294967295')
  },
)

/** user_namespaces(7): ranges must not overlap, neither inside nor outside. */
export const mappings = also(array(mapping), (all, path) => {
  for (const side of ['containerID', 'hostID'] as const) {
    const sorted = [...all].sort((a, b) => a[side] - b[side])
    sorted.forEach((one, index) => {
      const next = sorted[index + 1]
      if (next !== undefined && one[side] + one.size > next[side]) {
        throw wrong(
          `${path}[${all.indexOf(next)}].${side}`,
          next[side],
          `an id outside of ${path}[${all.indexOf(one)}]`,
        )
      }
    })
  }
})

/** Go writes an empty path for none. */
const namespace: Decoder<OciNamespace> = Object.assign(
  (value: unknown, path: string): OciNamespace => {
    const { type, path: joined } = namespaceFields(value, path)
    if (!joined) return { type }
    return { type, path: absolutePath(joined, `${path}.path`) }
  },
  { fields: { type: oneOf(...NAMESPACE_TYPES), path: text } },
)
const namespaceFields = object<OciNamespace>({ type: oneOf(...NAMESPACE_TYPES), path: text }, ['type'])

const device = also(
  object<OciDevice>(
    {
      type: oneOf('c', 'b', 'u', 'p'),
      path: absolutePath,
      major: integer(0, 0xfff),
      minor: integer(0, 0xf_ffff),
      fileMode: integer(0, 0o177777),
      uid: uint32,
      gid: uint32,
    },
    ['type', 'path'],
  ),
  ({ type, major, minor }, path) => {
    if (type === 'p') return
    if (major === undefined) throw wrong(`${path}.major`, major, `a number, for a device of type ${type}`)
    if (minor === undefined) throw wrong(`${path}.minor`, minor, `a number, for a device of type ${type}`)
  },
)

const interfaceName = matching(/^(?!\.{1,2}$)[^\s/:]{1,15}$/, 'the name of a network interface')

const netDevices: Decoder<NonNullable<OciLinux['netDevices']>> = also(
  record(object<{ readonly name?: string }>({ name: (v, path) => (v === '' ? '' : interfaceName(v, path)) })),
  (devices, path) => {
    for (const name of Object.keys(devices)) interfaceName(name, `${path}[${JSON.stringify(name)}]`)
  },
)

const timeOffsets: Decoder<NonNullable<OciLinux['timeOffsets']>> = also(
  record(
    object<{ readonly secs?: number; readonly nanosecs?: number }>({
      secs: integer(-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
      nanosecs: integer(0, 999_999_999),
    }),
  ),
  (offsets, path) => {
    for (const clock of Object.keys(offsets)) oneOf('monotonic', 'boottime')(clock, `${path}[${JSON.stringify(clock)}]`)
  },
)

/** No flag is defined (config-linux.md §personality). */
const personality = also(
  object<OciPersonality>({ domain: oneOf(...PERSONALITY_DOMAINS.keys()), flags: array(text) }, ['domain']),
  ({ flags = [] }, path) => {
    if (flags.length > 0) throw wrong(`${path}.flags`, flags, 'none, for the runtime-spec defines none')
  },
)

/** A name of a directory in resctrl, or `/` for its top. */
const intelRdt = object<OciIntelRdt>({
  closID: matching(/^(\/|(?!\.{1,2}$)[^/\n]+)$/, 'the name of a class, or "/"'),
  l3CacheSchema: text,
  memBwSchema: text,
  schemata: array(matching(/^[^\n]+$/, 'one line')),
  enableMonitoring: boolean,
})

const memoryPolicy = object<OciMemoryPolicy>(
  {
    mode: oneOf(...MEMORY_POLICY_MODES.keys()),
    nodes: (value, path) => (value === '' ? '' : cpuList(value, path)),
    flags: array(oneOf(...MEMORY_POLICY_FLAGS.keys())),
  },
  ['mode'],
)

export const linux: Decoder<OciLinux> = object<OciLinux>({
  namespaces: distinct(array(namespace), 'type', ({ type }) => type),
  uidMappings: mappings,
  gidMappings: mappings,
  timeOffsets,
  devices: array(device),
  netDevices,
  cgroupsPath: text,
  resources,
  sysctl: also(record(text), (values, path) => {
    for (const name of Object.keys(values)) nonEmpty(name, path)
  }),
  seccomp,
  // Go writes an empty string for none.
  rootfsPropagation: (value, path) => (value === '' ? 'rslave' : oneOf(...ROOT_PROPAGATIONS)(value, path)),
  maskedPaths: array(absolutePath),
  readonlyPaths: array(absolutePath),
  mountLabel: text,
  personality,
  intelRdt,
  memoryPolicy,
})
