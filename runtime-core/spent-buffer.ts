// SPDX-License-Identifier: Apache-2.0

/**
 * Gives a buffer's memory back now. The garbage collector would, but after some tens of megabytes only: a stream of
 * gigabytes shall not cost that. Nobody may hold a part of it any more; a buffer that is itself a part is left alone.
 */
export function freeBuffer(bytes: Uint8Array): void {
  const { buffer } = bytes
  if (buffer instanceof ArrayBuffer && bytes.byteLength === buffer.byteLength) buffer.transfer(0)
}

/** A buffer whose parts are on their way to several places; its memory is given back when the last has arrived. */
export class SharedBuffer {
  readonly #bytes: Uint8Array
  #holders: number

  constructor(bytes: Uint8Array, holders: number) {
    this.#bytes = bytes
    this.#holders = holders
  }

  /** One holder is done with its part. */
  readonly release = (): void => {
    this.#holders--
    if (this.#holders === 0) freeBuffer(this.#bytes)
  }
}
