// SPDX-License-Identifier: Apache-2.0
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { GantryError } from '../../runtime-core/errors.ts'
import type { Descriptor } from './build-layout.ts'

/** Where an image is pushed to: `http://127.0.0.1:5000`, `gantry`, `1.0.0`. */
export interface PushTarget {
  readonly endpoint: string
  readonly repository: string
  readonly tag: string
}

const TIMEOUT_MS = 10 * 60 * 1000

/**
 * Pushes an index with all that it names from a layout to a registry without accounts, by the OCI distribution
 * specification: blobs that are not there, each manifest by its digest, the index by the tag.
 *
 * @throws GantryError `unavailable` with the answer of the registry.
 */
export async function pushIndex(directory: string, index: Descriptor, target: PushTarget): Promise<void> {
  const { manifests } = await readDocument<{ manifests: Descriptor[] }>(directory, index)
  for (const manifest of manifests) {
    const { config, layers } = await readDocument<{ config: Descriptor; layers: Descriptor[] }>(directory, manifest)
    for (const blob of [config, ...layers]) await pushBlob(directory, blob, target)
    await pushManifest(directory, manifest, target, manifest.digest)
  }
  await pushManifest(directory, index, target, target.tag)
}

async function readDocument<T>(directory: string, { digest }: Descriptor): Promise<T> {
  return JSON.parse(await readFile(blobPath(directory, digest), 'utf8'))
}

async function pushBlob(directory: string, { digest, size }: Descriptor, target: PushTarget): Promise<void> {
  const base = `${target.endpoint}/v2/${target.repository}/blobs`
  if ((await request(`${base}/${digest}`, { method: 'HEAD' }, [200, 404])).status === 200) return
  const started = await request(`${base}/uploads/`, { method: 'POST' }, [202])
  const location = new URL(started.headers.get('location') ?? '', base)
  location.searchParams.set('digest', digest)
  const body = Readable.toWeb(createReadStream(blobPath(directory, digest))) as ReadableStream
  const headers = { 'content-type': 'application/octet-stream', 'content-length': String(size) }
  await request(location, { method: 'PUT', body, headers, duplex: 'half' } as RequestInit, [201])
}

async function pushManifest(
  directory: string,
  { digest, mediaType }: Descriptor,
  target: PushTarget,
  reference: string,
): Promise<void> {
  const body = await readFile(blobPath(directory, digest))
  const url = `${target.endpoint}/v2/${target.repository}/manifests/${reference}`
  await request(url, { method: 'PUT', body, headers: { 'content-type': mediaType } }, [201])
}

async function request(url: string | URL, init: RequestInit, expected: readonly number[]): Promise<Response> {
  const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) })
  const text = await answer.text()
  if (expected.includes(answer.status)) return answer
  throw new GantryError('unavailable', {
    action: `${init.method} to registry`,
    subject: String(url),
    reason: `${answer.status} ${text.trim().slice(0, 200)}`,
  })
}

function blobPath(directory: string, digest: string): string {
  return join(directory, 'blobs', digest.replace(':', '/'))
}
