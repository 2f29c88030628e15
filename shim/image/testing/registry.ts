// SPDX-License-Identifier: Apache-2.0
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { digestOf } from '../manifest.ts'

/** What an intercepting test may do with a request: true means it has answered. */
export type Intercept = (request: IncomingMessage, response: ServerResponse) => boolean

/** An image to serve: layers as tar streams, oldest first. */
export interface TestImage {
  readonly repository: string
  readonly tag: string
  readonly tars: readonly Buffer[]
  readonly config?: Readonly<Record<string, unknown>>
  readonly compress?: (tar: Buffer) => Buffer
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string }
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const INDEX = 'application/vnd.oci.image.index.v1+json'
const CONFIG = 'application/vnd.oci.image.config.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip'

/** A registry on loopback over a Map: the pull side of the distribution API, with a hook for whatever can go wrong. */
export class TestRegistry {
  readonly blobs = new Map<string, Buffer>()
  readonly manifests = new Map<string, { type: string; bytes: Buffer }>()
  /** `METHOD /path` of every request. */
  readonly requests: { method: string; url: string; headers: IncomingMessage['headers'] }[] = []
  intercept: Intercept = () => false
  readonly #server: Server
  readonly #isTls: boolean

  constructor(tls?: { cert: string; key: string; ca?: string }) {
    const handle = (request: IncomingMessage, response: ServerResponse) => this.#handle(request, response)
    this.#isTls = tls !== undefined
    this.#server =
      tls === undefined
        ? createServer(handle)
        : createTlsServer(
            { ...tls, ...(tls.ca === undefined ? {} : { requestCert: true, rejectUnauthorized: true }) },
            handle,
          )
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  /** `127.0.0.1:port`. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get origin(): string {
    return `${this.#isTls ? 'https' : 'http'}://${this.host}`
  }

  /** Requests whose URL contains the text. */
  count(text: string): number {
    return this.requests.filter(({ url }) => url.includes(text)).length
  }

  addBlob(bytes: Buffer): string {
    const digest = digestOf(bytes)
    this.blobs.set(digest, bytes)
    return digest
  }

  /** Serves a document under a tag and its digest; returns its digest. */
  addManifest(repository: string, tag: string, document: unknown, type = MANIFEST): string {
    const bytes = Buffer.from(JSON.stringify(document))
    const digest = digestOf(bytes)
    this.manifests.set(`${repository}:${tag}`, { type, bytes })
    this.manifests.set(`${repository}:${digest}`, { type, bytes })
    return digest
  }

  /** Serves an image; returns its digest, its id and its layers' digests. */
  addImage(image: TestImage): {
    digest: string
    id: string
    layers: string[]
    manifest: Record<string, unknown>
    size: number
  } {
    const compress = image.compress ?? ((tar: Buffer) => gzipSync(tar))
    const platform = image.platform ?? { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch }
    const config = {
      ...platform,
      config: image.config ?? {},
      rootfs: { type: 'layers', diff_ids: image.tars.map((tar) => digestOf(tar)) },
    }
    const configBytes = Buffer.from(JSON.stringify(config))
    const id = this.addBlob(configBytes)
    const blobs = image.tars.map(compress)
    const layers = blobs.map((blob) => this.addBlob(blob))
    const manifest = {
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: CONFIG, digest: id, size: configBytes.length },
      layers: blobs.map((blob, index) => ({ mediaType: LAYER, digest: layers[index], size: blob.length })),
    }
    const digest = this.addManifest(image.repository, image.tag, manifest)
    const size = Buffer.byteLength(JSON.stringify(manifest))
    return { digest, id, layers, manifest, size }
  }

  /** Serves an index of images already served. */
  addIndex(
    repository: string,
    tag: string,
    entries: readonly { digest: string; size: number; platform?: unknown }[],
  ): string {
    const manifests = entries.map((entry) => ({ mediaType: MANIFEST, ...entry }))
    return this.addManifest(repository, tag, { schemaVersion: 2, mediaType: INDEX, manifests }, INDEX)
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const { method = 'GET', url = '/', headers } = request
    this.requests.push({ method, url, headers })
    if (this.intercept(request, response)) return
    const [, repository = '', kind, name = ''] = /^\/v2\/(.+)\/(manifests|blobs)\/([^?]+)/.exec(url) ?? []
    if (kind === 'manifests') {
      const manifest = this.manifests.get(`${repository}:${name}`)
      if (manifest === undefined) {
        refuse(response, 404, 'MANIFEST_UNKNOWN', 'manifest unknown')
        return
      }
      const { type, bytes } = manifest
      response.writeHead(200, {
        'content-type': type,
        'content-length': bytes.length,
        'docker-content-digest': digestOf(bytes),
      })
      response.end(method === 'HEAD' ? undefined : bytes)
      return
    }
    const blob = this.blobs.get(name)
    if (kind !== 'blobs' || blob === undefined) refuse(response, 404, 'BLOB_UNKNOWN', 'blob unknown to registry')
    else this.#sendBlob(request, response, blob)
  }

  #sendBlob(request: IncomingMessage, response: ServerResponse, blob: Buffer): void {
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    const head: Record<string, string | number> = { 'content-length': blob.length - start }
    if (start > 0) head['content-range'] = `bytes ${start}-${blob.length - 1}/${blob.length}`
    response.writeHead(start > 0 ? 206 : 200, head)
    response.end(blob.subarray(start))
  }
}

/** An error as registries send them. */
export function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ errors: [{ code, message }] }))
}
