// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../errors.ts'

/** Where systemd puts a container: a scope, below slices. */
export interface ScopePath {
  /** `kubepods-burstable.slice`; `-.slice` is the root. */
  readonly slice: string
  /** `gantry-<id>.scope` */
  readonly scope: string
  /** Below the cgroup mounts: `/kubepods.slice/kubepods-burstable.slice/gantry-<id>.scope`. */
  readonly path: string
}

const ROOT_SLICE = '-.slice'
/** systemd.slice(5), systemd.unit(5): what unit names are made of, and how long they can be. */
const UNIT_NAME = /^[A-Za-z0-9:_.\\@-]{1,255}$/

/** Whether `linux.cgroupsPath` is in the form of the systemd driver. */
export function isScopePath(cgroupsPath: string): boolean {
  return !cgroupsPath.startsWith('/') && cgroupsPath.includes(':')
}

/**
 * Reads `linux.cgroupsPath` in the form of the systemd driver, `slice:prefix:name`. An empty slice is system.slice.
 *
 * @throws GantryError invalid_argument naming what is expected.
 */
export function parseScopePath(cgroupsPath: string): ScopePath {
  const parts = cgroupsPath.split(':')
  const [slice = '', prefix = '', name = ''] = parts
  if (parts.length !== 3 || name === '') throw refused(cgroupsPath, 'expected slice:prefix:name')
  if (name.endsWith('.slice'))
    throw refused(cgroupsPath, 'the name of a scope is expected, for a slice has no processes')
  const parent = slice === '' ? 'system.slice' : slice
  const scope = `${prefix === '' ? '' : `${prefix}-`}${name}.scope`
  if (!UNIT_NAME.test(scope)) throw refused(cgroupsPath, `${JSON.stringify(scope)} is no name of a unit`)
  return { slice: parent, scope, path: `${expandSlice(parent)}/${scope}` }
}

/**
 * The cgroup of a slice below the mounts, by the hierarchy that its name spells (systemd.slice(5)): `a-b.slice` is
 * `/a.slice/a-b.slice`; `-.slice` is "".
 *
 * @throws GantryError invalid_argument for what is not the name of a slice.
 */
export function expandSlice(slice: string): string {
  if (slice === ROOT_SLICE) return ''
  return slicesOf(slice)
    .map((each) => `/${each}`)
    .join('')
}

/** A slice with those above it, the outermost first: `a.slice`, `a-b.slice`. */
export function slicesOf(slice: string): string[] {
  const stem = slice.endsWith('.slice') ? slice.slice(0, -'.slice'.length) : ''
  const parts = stem.split('-')
  if (!UNIT_NAME.test(slice) || parts.includes(''))
    throw refused(slice, 'expected the name of a slice, such as a-b.slice')
  return parts.map((_, depth) => `${parts.slice(0, depth + 1).join('-')}.slice`)
}

function refused(subject: string, reason: string): GantryError {
  return new GantryError('invalid_argument', { action: 'place cgroup', subject: subject.slice(0, 300), reason })
}
