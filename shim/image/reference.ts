// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../runtime-core/errors.ts'

/** A parsed and normalised image reference (distribution reference grammar, Docker Hub's rules applied). */
export interface Reference {
  /** Registry as written, `docker.io` where none was: `localhost:5000`. */
  readonly domain: string
  /** Repository on that registry: `library/busybox`. */
  readonly path: string
  /** `domain/path`. */
  readonly name: string
  /** Present unless the reference has a digest. */
  readonly tag: string | undefined
  readonly digest: string | undefined
  /** `name:tag` or `name@digest`. */
  readonly text: string
}

const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const PATH = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`)
const DOMAIN_NAME = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?'
const DOMAIN = new RegExp(`^(?:${DOMAIN_NAME}(?:\\.${DOMAIN_NAME})*|\\[[0-9A-Fa-f:]+\\])(?::[0-9]+)?$`)
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
const HEX_64 = /^[0-9a-f]{64}$/
const ID_PREFIX = /^(?:sha256:)?([0-9a-f]{1,64})$/
const PATH_LIMIT = 255
const TEXT_LIMIT = 4096

/**
 * Parse what a user wrote into a normalised reference: `busybox` → `docker.io/library/busybox:latest`. Where both a
 * tag and a digest are given the digest decides and the tag is dropped.
 *
 * @throws GantryError invalid_argument naming the value
 */
export function parseReference(text: string): Reference {
  if (text === '') throw invalid(text, 'it is empty')
  if (text.length > TEXT_LIMIT) throw invalid(`${text.slice(0, 64)}…`, `longer than ${TEXT_LIMIT} characters`)
  const { remainder, tag, digest } = split(text)
  if (HEX_64.test(remainder)) throw invalid(text, '64 hexadecimal digits are an image id, not a name')
  const { domain, path } = normalise(remainder)
  if (!DOMAIN.test(domain)) throw invalid(text, `registry ${JSON.stringify(domain)} is not host[:port]`)
  if (path === '') throw invalid(text, 'it has no repository name')
  if (/[A-Z]/.test(path)) throw invalid(text, 'the repository name must be lower case')
  if (!PATH.test(path)) throw invalid(text, `repository ${JSON.stringify(path)} is malformed`)
  if (path.length > PATH_LIMIT) throw invalid(text, `the repository name is longer than ${PATH_LIMIT} characters`)
  if (tag !== undefined && !TAG.test(tag)) throw invalid(text, `tag ${JSON.stringify(tag)} is malformed`)
  if (digest !== undefined && !isDigest(digest)) throw invalid(text, `digest ${JSON.stringify(digest)} is malformed`)
  const name = `${domain}/${path}`
  if (digest !== undefined) return { domain, path, name, tag: undefined, digest, text: `${name}@${digest}` }
  const known = tag ?? 'latest'
  return { domain, path, name, tag: known, digest: undefined, text: `${name}:${known}` }
}

/** True for the digests Gantry can verify: `sha256:` and `sha512:` with lower-case hexadecimal of full length. */
export function isDigest(text: string): boolean {
  return /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.test(text)
}

/** The hexadecimal part of an image id or of a prefix of one (`sha256:ab…`, `ab…`), or undefined. */
export function parseImageId(text: string): string | undefined {
  return ID_PREFIX.exec(text)?.[1]
}

function split(text: string): { remainder: string; tag: string | undefined; digest: string | undefined } {
  const at = text.indexOf('@')
  const digest = at === -1 ? undefined : text.slice(at + 1)
  const named = at === -1 ? text : text.slice(0, at)
  const colon = named.lastIndexOf(':')
  // A colon before the last slash belongs to the registry's port.
  if (colon === -1 || named.indexOf('/', colon) !== -1) return { remainder: named, tag: undefined, digest }
  return { remainder: named.slice(0, colon), tag: named.slice(colon + 1), digest }
}

function normalise(remainder: string): { domain: string; path: string } {
  const slash = remainder.indexOf('/')
  const first = slash === -1 ? '' : remainder.slice(0, slash)
  const isDomain = first !== '' && (first === 'localhost' || /[.:A-Z]/.test(first))
  const domain = !isDomain || first === 'index.docker.io' ? 'docker.io' : first
  const path = isDomain ? remainder.slice(slash + 1) : remainder
  return { domain, path: domain === 'docker.io' && path !== '' && !path.includes('/') ? `library/${path}` : path }
}

function invalid(text: string, reason: string): GantryError {
  return new GantryError('invalid_argument', { action: 'parse image reference', subject: text, reason })
}
