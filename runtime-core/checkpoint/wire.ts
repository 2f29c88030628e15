// SPDX-License-Identifier: Apache-2.0

/** Writes one protobuf message (protobuf.dev, "Encoding"): the few kinds of fields that CRIU's requests have. */
export class Message {
  readonly #parts: Uint8Array[] = []

  /** int32, uint32 and enums; negative ones take ten bytes, as the encoding has it. */
  number(field: number, value: number): this {
    this.#parts.push(varint(BigInt(field << 3)), varint(BigInt.asUintN(64, BigInt(value))))
    return this
  }

  /** A switch: `false` is the default of all that CRIU has, and is not written. */
  flag(field: number, value: boolean): this {
    return value ? this.number(field, 1) : this
  }

  text(field: number, value: string): this {
    return this.#bytes(field, Buffer.from(value, 'utf8'))
  }

  message(field: number, value: Message): this {
    return this.#bytes(field, value.bytes())
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#parts)
  }

  #bytes(field: number, value: Uint8Array): this {
    this.#parts.push(varint(BigInt((field << 3) | 2)), varint(BigInt(value.length)), value)
    return this
  }
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
  return Uint8Array.from(bytes)
}
