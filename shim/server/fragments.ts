// SPDX-License-Identifier: Apache-2.0

/** An answer that is encoded already; the server sends it as it is. */
export class EncodedMessage {
  readonly bytes: Buffer

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }
}

/** Field 1, length-delimited: where every list answer of the CRI, whole or in pieces, has its items. */
const ITEM_TAG = (1 << 3) | 2
/** A piece of a streamed list is closed when it is as large as this, bytes; clients take messages of 16 MiB. */
const CHUNK_BYTES = 256 << 10

/** An item of a list answer with its tag and length, from its own encoding. */
export function listItem(item: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(ITEM_TAG, ...varint(item.length)), item])
}

/** Items as the messages of a streamed list: each at least one item, about `CHUNK_BYTES`; none of an empty list. */
export function* chunked(items: Iterable<Buffer>): Generator<EncodedMessage> {
  let chunk: Buffer[] = []
  let bytes = 0
  for (const item of items) {
    chunk.push(item)
    bytes += item.length
    if (bytes < CHUNK_BYTES) continue
    yield new EncodedMessage(Buffer.concat(chunk))
    chunk = []
    bytes = 0
  }
  if (chunk.length > 0) yield new EncodedMessage(Buffer.concat(chunk))
}

/**
 * Encodes each record of a list once. Records are immutable and a change is a new one, so what is cached is right for as
 * long as the record lives; a kubelet that lists a node each second then costs a concatenation.
 */
export class Fragments<R extends object> {
  readonly #encode: (record: R) => Uint8Array
  readonly #known = new WeakMap<R, Buffer>()

  /** @param encode Encodes one item, without its tag and length. */
  constructor(encode: (record: R) => Uint8Array) {
    this.#encode = encode
  }

  /** The whole list as an answer. */
  join(records: readonly R[]): EncodedMessage {
    return new EncodedMessage(Buffer.concat(records.map((record) => this.#fragment(record))))
  }

  /** The list as it was when this was called, in messages of bounded size. */
  chunks(records: readonly R[]): Generator<EncodedMessage> {
    return chunked(records.values().map((record) => this.#fragment(record)))
  }

  #fragment(record: R): Buffer {
    const known = this.#known.get(record)
    if (known !== undefined) return known
    const fragment = listItem(this.#encode(record))
    this.#known.set(record, fragment)
    return fragment
  }
}

/** Base-128 (protobuf encoding, "Base 128 Varints"). */
function varint(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest]
    bytes.push((rest & 0x7f) | 0x80)
  }
}
