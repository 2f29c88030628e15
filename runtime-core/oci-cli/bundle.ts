// SPDX-License-Identifier: Apache-2.0
import { readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { errnoOf, GantryError } from '../errors.ts'
import type { OciMount, OciSpec } from '../spec/types.ts'
import { parseSpec } from '../spec/validate.ts'

export interface Bundle {
  /** Absolute. */
  readonly path: string
  readonly spec: OciSpec
  /** config.json as it was read. */
  readonly text: string
  /** Absolute, an existing directory. */
  readonly rootfs: string
}

/**
 * Reads a bundle (bundle.md).
 *
 * @throws GantryError that names what is missing or wrong.
 */
export function readBundle(path: string): Bundle {
  const absolute = resolve(path)
  const text = readText(join(absolute, 'config.json'))
  const spec = withAbsoluteSources(parseSpec(text), absolute)
  if (spec.root === undefined || spec.root.path === '') {
    throw new GantryError('invalid_argument', { action: 'read root.path', reason: 'it is missing' })
  }
  const rootfs = resolve(absolute, spec.root.path)
  requireDirectory(rootfs)
  return { path: absolute, spec, text, rootfs }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') {
      throw new GantryError('not_found', { action: 'JSON specification file config.json not found', subject: path })
    }
    throw new GantryError('invalid_argument', { action: 'read', subject: path, cause })
  }
}

/** A bind's source is relative to the bundle where it is not absolute (config.md §mounts). */
function withAbsoluteSources(spec: OciSpec, bundle: string): OciSpec {
  const isBind = ({ type, options = [] }: OciMount) =>
    type === 'bind' || options.some((option) => option === 'bind' || option === 'rbind')
  const mounts = spec.mounts?.map((mount) =>
    mount.source && isBind(mount) ? { ...mount, source: resolve(bundle, mount.source) } : mount,
  )
  return mounts === undefined ? spec : { ...spec, mounts }
}

function requireDirectory(path: string): void {
  let isDirectory: boolean
  try {
    isDirectory = statSync(path).isDirectory()
  } catch (cause) {
    throw new GantryError('invalid_argument', { action: 'find root', subject: path, cause })
  }
  if (!isDirectory) {
    throw new GantryError('invalid_argument', { action: 'find root', subject: path, errno: 'ENOTDIR' })
  }
}
