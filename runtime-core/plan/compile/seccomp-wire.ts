// SPDX-License-Identifier: Apache-2.0

import { jsonOf } from '../../json-text.ts'
import type { OciSeccomp } from '../../spec/types.ts'
import type { CompiledSeccomp } from './seccomp.ts'

/** A compilation handed to the child process. */
export interface SeccompRequest {
  readonly profile: OciSeccomp
  readonly arch?: string
}

/** What the child answers, and what the cache on disk holds. */
interface SeccompRecord {
  readonly flags: number
  readonly skipped: readonly string[]
  /** Base64. */
  readonly filter: string
  /** Of the filter: a damaged file must never become a weaker filter. */
  readonly sha256: string
}

/** Largest profile handed to the child; Docker's default is 25 kB. */
export const MAX_REQUEST_BYTES = 4 * 1024 * 1024
/** A filter has at most 32 KiB; the rest is for names that were skipped. */
export const MAX_RECORD_BYTES = 1024 * 1024

/** JSON, with 64 bit numbers as `{"bigint": "…"}`. */
export function encodeRequest(request: SeccompRequest): string {
  return JSON.stringify(request, (_key, value: unknown) =>
    typeof value === 'bigint' ? { bigint: String(value) } : value,
  )
}

/** The reverse of {@link encodeRequest}; throws on anything else. */
export function decodeRequest(text: string): SeccompRequest {
  return JSON.parse(text, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && 'bigint' in value ? BigInt(String(value.bigint)) : value,
  )
}

export function encodeRecord({ filter, flags, skipped }: CompiledSeccomp): string {
  const record: SeccompRecord = {
    flags,
    skipped,
    filter: Buffer.from(filter).toString('base64'),
    sha256: sha256(filter),
  }
  return JSON.stringify(record)
}

/** The compiled filter of a record, or undefined when it is not one or is damaged. */
export function decodeRecord(text: string): CompiledSeccomp | undefined {
  const value = jsonOf(text)
  if (!isRecord(value)) return undefined
  const filter = Buffer.from(value.filter, 'base64')
  if (filter.length === 0 || filter.length % 8 !== 0 || sha256(filter) !== value.sha256) return undefined
  return { filter, flags: value.flags, skipped: value.skipped }
}

/** A hash of all that decides the filter, the same for the same profile whatever the order of its JSON keys. */
export function profileKey(profile: OciSeccomp, arch: string | undefined, libraryVersion: string): string {
  const canonical = [
    FORMAT,
    libraryVersion,
    arch ?? null,
    profile.defaultAction,
    profile.defaultErrnoRet ?? null,
    profile.architectures ?? [],
    profile.flags ?? [],
    // Whether there is a listener decides, not where.
    Boolean(profile.listenerPath),
    (profile.syscalls ?? []).map(({ names, action, errnoRet, args }) => [
      names,
      action,
      errnoRet ?? null,
      (args ?? []).map(({ index, op, value, valueTwo }) => [index, op, String(value), String(valueTwo ?? 0)]),
    ]),
  ]
  return sha256(JSON.stringify(canonical))
}

/** Changes whenever the compiler would make another filter of the same profile. */
const FORMAT = 2

/** Without a profile nobody waits for the module. */
function sha256(data: Uint8Array | string): string {
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(data).digest('base64url')
}

function isRecord(value: unknown): value is SeccompRecord {
  return (
    typeof value === 'object' &&
    value !== null &&
    'flags' in value &&
    typeof value.flags === 'number' &&
    'filter' in value &&
    typeof value.filter === 'string' &&
    'sha256' in value &&
    typeof value.sha256 === 'string' &&
    'skipped' in value &&
    Array.isArray(value.skipped) &&
    value.skipped.every((name) => typeof name === 'string')
  )
}
