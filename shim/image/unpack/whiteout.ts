// SPDX-License-Identifier: Apache-2.0
import { refused } from './failure.ts'

/** What an archive's path stands for in a layer (image-spec, layer.md §whiteouts). */
export type Meaning =
  | { readonly kind: 'entry'; readonly components: readonly string[] }
  /** Hide `name` of the directory from lower layers. */
  | { readonly kind: 'whiteout'; readonly directory: readonly string[]; readonly name: string }
  /** Hide all that lower layers have in the directory. */
  | { readonly kind: 'opaque'; readonly directory: readonly string[] }
  /** Metadata AUFS left behind. */
  | { readonly kind: 'skip' }

const PREFIX = '.wh.'
const META_PREFIX = '.wh..wh.'
const OPAQUE = '.wh..wh..opq'
/** Path components a kernel path could hold at most. */
const DEPTH_LIMIT = 2048

/**
 * Judge a member's path: split it, refuse what climbs or could not be, recognise whiteouts.
 *
 * @param path a byte string
 * @throws GantryError invalid_argument
 */
export function judgePath(path: string): Meaning {
  const components = splitPath(path)
  for (const component of components) if (component === '..') throw refused('the path climbs out of the layer by ".."')
  const base = components.at(-1)
  if (base === undefined) return { kind: 'entry', components }
  for (const component of components.slice(0, -1)) {
    if (component.startsWith(META_PREFIX)) return { kind: 'skip' }
    if (component.startsWith(PREFIX)) throw refused("a directory cannot have a whiteout's name")
  }
  if (!base.startsWith(PREFIX)) return { kind: 'entry', components }
  const directory = components.slice(0, -1)
  if (base === OPAQUE) return { kind: 'opaque', directory }
  if (base.startsWith(META_PREFIX)) return { kind: 'skip' }
  const name = base.slice(PREFIX.length)
  if (name === '' || name === '.' || name === '..') throw refused('the whiteout names nothing')
  return { kind: 'whiteout', directory, name }
}

/** The components of a path without empty ones and ".". @throws GantryError invalid_argument */
export function splitPath(path: string): string[] {
  if (path.includes('\0')) throw refused('a name contains NUL')
  const components = path.split('/').filter((component) => component !== '' && component !== '.')
  if (components.length > DEPTH_LIMIT) throw refused(`the path is more than ${DEPTH_LIMIT} directories deep`)
  return components
}
