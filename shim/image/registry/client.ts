// SPDX-License-Identifier: Apache-2.0
import { GantryError, hasCode } from '../../../runtime-core/errors.ts'
import { type Descriptor, digestOf, essence, MANIFEST_ACCEPT } from '../manifest.ts'
import { isDigest, type Reference } from '../reference.ts'
import { type Answer, type Attempts, type Conversation, sumUp } from './conversation.ts'
import type { Endpoint } from './endpoint.ts'

/** A manifest as fetched, its digest verified. */
export interface FetchedManifest {
  readonly digest: string
  readonly contentType: string
  readonly bytes: Buffer
}

const MANIFEST_LIMIT_BYTES = 4 * 1024 * 1024
/** Times a blob may break off with too little gained in between (containerd's figure). */
const STALL_LIMIT = 3
/** A host that gives less than this between two breaks would take days for a layer. */
const GAIN_BYTES = 16 << 10

/** Reads one repository of one registry, over all the hosts that may serve it. */
export class RegistryClient {
  readonly #reference: Reference
  readonly #endpoints: readonly Endpoint[]
  readonly #conversation: Conversation

  constructor(options: { reference: Reference; endpoints: readonly Endpoint[]; conversation: Conversation }) {
    this.#reference = options.reference
    this.#endpoints = options.endpoints
    this.#conversation = options.conversation
  }

  /** See `Conversation.hold`. */
  hold(): () => void {
    return this.#conversation.hold()
  }

  /**
   * The digest the reference stands for now, by HEAD: registries count no download for it. Undefined where a host
   * does not tell: then ask for the manifest itself.
   */
  async resolve(signal: AbortSignal): Promise<string | undefined> {
    const { digest, tag } = this.#reference
    if (digest !== undefined) return digest
    const request = { method: 'HEAD', path: `manifests/${tag ?? 'latest'}`, accept: MANIFEST_ACCEPT } as const
    try {
      return await this.#overHosts('canResolve', signal, async (endpoint, isLast) => {
        const answer = await this.#conversation.ask(endpoint, request, isLast, signal)
        answer.discard()
        const stated = answer.header('docker-content-digest')
        return stated !== undefined && isDigest(stated) ? stated : undefined
      })
    } catch (error) {
      // 405, or a host that stumbles over HEAD only: GET tells the truth either way.
      if (hasCode(error, 'cancelled')) throw error
      return undefined
    }
  }

  /**
   * The manifest or index of the reference, or of `digest` in its repository.
   *
   * @throws GantryError not_found, unauthenticated, permission_denied, unavailable, invalid_argument (wrong digest)
   */
  manifest(signal: AbortSignal, digest = this.#reference.digest): Promise<FetchedManifest> {
    const path = `manifests/${digest ?? this.#reference.tag ?? 'latest'}`
    const can = digest === undefined ? 'canResolve' : 'canPull'
    return this.#overHosts(can, signal, async (endpoint, isLast) => {
      const request = { method: 'GET', path, accept: MANIFEST_ACCEPT } as const
      const answer = await this.#conversation.ask(endpoint, request, isLast, signal)
      const bytes = await answer.readAll(MANIFEST_LIMIT_BYTES)
      const stated = answer.header('docker-content-digest')
      const wanted = digest ?? (stated !== undefined && isDigest(stated) ? stated : undefined)
      const actual = digestOf(bytes, wanted?.split(':')[0] ?? 'sha256')
      if (wanted !== undefined && actual !== wanted) throw wrongDigest(endpoint, wanted, actual)
      return { digest: actual, contentType: essence(answer.header('content-type') ?? ''), bytes }
    })
  }

  /** A small blob as a whole, verified. @throws as `manifest` */
  async smallBlob(descriptor: Descriptor, limitBytes: number, signal: AbortSignal): Promise<Buffer> {
    if (descriptor.size > limitBytes) {
      const reason = `its size is ${descriptor.size} bytes, more than ${limitBytes}`
      throw new GantryError('invalid_argument', { action: 'fetch', subject: descriptor.digest, reason })
    }
    const parts: Buffer[] = []
    for await (const part of this.blob(descriptor, signal)) parts.push(part)
    const bytes = Buffer.concat(parts)
    const actual = digestOf(bytes, descriptor.digest.split(':')[0])
    if (actual === descriptor.digest) return bytes
    throw new GantryError('invalid_argument', {
      action: 'fetch',
      subject: descriptor.digest,
      stage: 'digest',
      reason: `what came has the digest ${actual}`,
    })
  }

  /**
   * The bytes of a blob, exactly as many as its descriptor says. A connection that breaks is resumed where it broke,
   * at another host if need be. The digest is the reader's to verify.
   *
   * @throws GantryError as `manifest`
   */
  async *blob(descriptor: Descriptor, signal: AbortSignal): AsyncGenerator<Buffer, void> {
    let offset = 0
    let failures = 0
    while (true) {
      const before = offset
      const answer = await this.#openBlob(descriptor, offset, signal)
      try {
        for await (const bytes of skip(answer, offset)) {
          offset += bytes.length
          if (offset > descriptor.size) throw tooLong(descriptor)
          yield bytes
        }
        if (offset === descriptor.size) return
        throw new GantryError('unavailable', {
          action: `read from ${answer.host}`,
          reason: `it ended after ${offset} of ${descriptor.size} bytes`,
        })
      } catch (error) {
        if (!hasCode(error, 'unavailable')) throw error
        failures = offset - before >= GAIN_BYTES ? 1 : failures + 1
        if (failures >= STALL_LIMIT) throw error
      }
    }
  }

  async #openBlob(descriptor: Descriptor, offset: number, signal: AbortSignal): Promise<Answer> {
    const request = {
      method: 'GET',
      path: `blobs/${descriptor.digest}`,
      accept: `${descriptor.mediaType}, */*`,
      ...(offset > 0 ? { offset } : {}),
    } as const
    try {
      return await this.#overHosts('canPull', signal, (endpoint, isLast) =>
        this.#conversation.ask(endpoint, request, isLast, signal),
      )
    } catch (error) {
      // Foreign layers may be kept out of registries: their descriptor says where else they are.
      if (!hasCode(error, 'not_found') || descriptor.urls.length === 0) throw error
      return this.#conversation.askAnywhere(descriptor.urls, offset, signal)
    }
  }

  async #overHosts<T>(
    capability: 'canResolve' | 'canPull',
    signal: AbortSignal,
    ask: (endpoint: Endpoint, isLast: boolean) => Promise<T>,
  ): Promise<T> {
    const candidates = this.#endpoints.filter((endpoint) => endpoint[capability])
    const attempts: Attempts = []
    for (const [index, endpoint] of candidates.entries()) {
      try {
        return await ask(endpoint, index === candidates.length - 1)
      } catch (error) {
        if (signal.aborted || !(error instanceof GantryError)) throw error
        attempts.push({ endpoint, error })
      }
    }
    throw sumUp(attempts)
  }
}

/** A host that ignores Range starts from the beginning: what is known already falls away. */
async function* skip(answer: Answer, offset: number): AsyncGenerator<Buffer, void> {
  let surplus = answer.isPartial ? 0 : offset
  for await (const bytes of answer.body()) {
    if (surplus >= bytes.length) surplus -= bytes.length
    else {
      yield surplus === 0 ? bytes : bytes.subarray(surplus)
      surplus = 0
    }
  }
}

function wrongDigest(endpoint: Endpoint, wanted: string, actual: string): GantryError {
  const reason = `the manifest has the digest ${actual}, not ${wanted}`
  return new GantryError('invalid_argument', { action: 'registry', subject: endpoint.label, reason, stage: 'digest' })
}

function tooLong(descriptor: Descriptor): GantryError {
  const reason = `it is longer than the ${descriptor.size} bytes its manifest says`
  return new GantryError('invalid_argument', { action: 'fetch', subject: descriptor.digest, reason })
}
