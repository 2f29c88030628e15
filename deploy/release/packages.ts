// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GantryError } from '../../runtime-core/errors.ts'
import type { Architecture } from './architecture.ts'

/** One package as package-lock.json pins it. */
export interface LockedPackage {
  /** Its place: `node_modules/pino`. */
  readonly path: string
  readonly name: string
  readonly version: string
  readonly license: string
  /** Subresource integrity of its archive: `sha512-…`. */
  readonly integrity: string
}

interface LockEntry {
  readonly version?: string
  readonly license?: string
  readonly integrity?: string
  readonly link?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
}

/** The packages of package-lock.json by their places. */
export type Lock = Readonly<Record<string, LockEntry>>

/** @throws GantryError `invalid_argument` where the file has no packages. */
export async function readLock(root: string): Promise<Lock> {
  const lock: unknown = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'))
  if (typeof lock === 'object' && lock !== null && 'packages' in lock) return lock.packages as Lock
  throw new GantryError('invalid_argument', {
    action: 'read package-lock.json in',
    subject: root,
    reason: 'no packages',
  })
}

/** What is distributed as a package of its own for each architecture. */
const NATIVE: Readonly<Record<string, (arch: Architecture) => string>> = {
  koffi: ({ node }) => `@koromix/koffi-linux-${node}`,
}

/** Node itself for an architecture. */
export function nodePackage({ node }: Architecture): string {
  return `node-linux-${node}`
}

/**
 * `names` with all that they depend on, Node among them, sorted by place. Optional dependencies are left out but for the
 * native parts of `NATIVE`: those of one architecture.
 *
 * @throws GantryError `not_found` for a package that is not locked.
 */
export function closePackages(lock: Lock, names: readonly string[], arch: Architecture): LockedPackage[] {
  const found = new Map<string, LockedPackage>()
  const visit = (name: string, from: string): void => {
    // Declarations that packages name as what they need at run time.
    if (name.startsWith('@types/')) return
    const path = resolvePackage(lock, name, from)
    const entry = lock[path] ?? {}
    if (found.has(path) || entry.link === true) return
    const { version = '', license = 'NOASSERTION', integrity = '', dependencies = {} } = entry
    found.set(path, { path, name, version, license, integrity })
    for (const dependency of Object.keys(dependencies)) visit(dependency, path)
    const native = NATIVE[name]
    if (native !== undefined) visit(native(arch), path)
  }
  for (const name of [...names, nodePackage(arch)]) visit(name, '')
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** Node's rule: the nearest `node_modules` upwards from where it is asked for. */
function resolvePackage(lock: Lock, name: string, from: string): string {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const path = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`
    if (path in lock) return path
    if (at === '') throw new GantryError('not_found', { action: 'find package in package-lock.json', subject: name })
    if (!at.includes('/node_modules/')) at = ''
  }
}

/** Whether a file of a package is needed to run it: what Node can load, and its terms. */
export function isShipped(path: string): boolean {
  if (/(^|\/)(tests?|__tests__|docs?|examples?|bench(marks?)?|musl_\w+|share|include)\//.test(path)) return false
  if (/^(licen[cs]e|notice|copying)(\.\w+)?$/i.test(path)) return true
  return /\.([cm]?js|json|node|wasm)$/.test(path) || path === 'bin/node'
}
