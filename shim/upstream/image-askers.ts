// SPDX-License-Identifier: Apache-2.0
import type { Objects } from '../node/objects.ts'
import type { Merge } from './route.ts'
import { contents, mapValue, messageAt, textAt } from './wire.ts'

/** `image` of every request about one, and in ImageSpec: */
const IMAGE = 1
const ANNOTATIONS = 2
const RUNTIME_HANDLER = 19
/** `sandbox_config` of PullImageRequest and CreateContainerRequest, `config` of RunPodSandboxRequest; in PodSandboxConfig: */
const SANDBOX_CONFIG = 3
const METADATA = 1
const POD_UID = 2
const POD_ANNOTATIONS = 7

/**
 * When the kubelet first saw the pod, to the nanosecond: it stands in the pod's sandbox and in every question about an
 * image for it, and in no other pod's.
 */
const FIRST_SEEN = 'kubernetes.io/config.seen'

/** Whose pod a request about an image is for: docs/beside.md, "Images". */
export class ImageAskers {
  readonly #objects: Objects
  readonly #handlers: ReadonlySet<string>
  /** `FIRST_SEEN` by pod uid, of requests later than the sandbox: a kubelet that starts anew sees its pods anew. */
  readonly #seenAgain = new Map<string, string>()

  constructor(objects: Objects, handlers: ReadonlySet<string>) {
    this.#objects = objects
    this.#handlers = handlers
  }

  /** Who answers. @throws GantryError `invalid_argument` where the request is no message */
  decide(as: Merge, request: Buffer): 'ours' | 'upstream' | 'both' {
    const spec = messageAt(request, IMAGE)
    const handler = textAt(spec, RUNTIME_HANDLER)
    if (handler !== '') return this.#handlers.has(handler) ? 'ours' : 'upstream'
    if (as === 'pullImage' && contents(request, SANDBOX_CONFIG).length > 0) {
      return this.learn(request) ? 'ours' : 'upstream'
    }
    const seen = mapValue(spec, ANNOTATIONS, FIRST_SEEN)
    if (seen !== undefined) return this.#isSeen(seen) ? 'ours' : 'upstream'
    // Nobody knows for whom: the node stays as it is, and ours is brought when a container of ours needs it.
    return as === 'pullImage' ? 'upstream' : 'both'
  }

  /** Takes note of the `sandbox_config` of a request; true where it is of a pod of ours. */
  learn(request: Buffer): boolean {
    const config = messageAt(request, SANDBOX_CONFIG)
    const uid = textAt(config, METADATA, POD_UID)
    if (uid === '' || !this.#isPodOfOurs(uid)) return false
    const seen = mapValue(config, POD_ANNOTATIONS, FIRST_SEEN)
    if (seen !== undefined) this.#seenAgain.set(uid, seen)
    return true
  }

  #isPodOfOurs(uid: string): boolean {
    return this.#objects.sandboxes.values().some(({ record }) => record.config.metadata?.uid === uid)
  }

  #isSeen(seen: string): boolean {
    this.#forgetRemoved()
    return this.#objects.sandboxes.values().some(({ record }) => {
      const { annotations, metadata } = record.config
      return annotations[FIRST_SEEN] === seen || this.#seenAgain.get(metadata?.uid ?? '') === seen
    })
  }

  #forgetRemoved(): void {
    if (this.#seenAgain.size <= this.#objects.sandboxes.size) return
    for (const uid of this.#seenAgain.keys()) if (!this.#isPodOfOurs(uid)) this.#seenAgain.delete(uid)
  }
}
