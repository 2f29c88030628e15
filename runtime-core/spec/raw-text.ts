// SPDX-License-Identifier: Apache-2.0
import { isUtf8 } from 'node:buffer'

/**
 * Bytes as text that gives the same bytes back: what is not UTF-8 becomes lone surrogates U+DC80…U+DCFF, as in
 * Python's PEP 383. They survive JSON as escapes; an encoder that does not know them writes U+FFFD, as the peers do.
 */
export function textFromBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (isUtf8(buffer)) return buffer.toString('utf8')
  let text = ''
  for (let at = 0; at < buffer.length; ) {
    const length = sequenceLength(buffer, at)
    text += length === 0 ? String.fromCharCode(0xdc00 + buffer.readUInt8(at)) : buffer.toString('utf8', at, at + length)
    at += Math.max(length, 1)
  }
  return text
}

/** The bytes of a text made by {@link textFromBytes}; any other text is plain UTF-8. */
export function bytesFromText(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text, 'utf8')
  const parts: Buffer[] = []
  for (const character of text) {
    const code = character.charCodeAt(0)
    const isRaw = character.length === 1 && code >= 0xdc80 && code <= 0xdcff
    parts.push(isRaw ? Buffer.of(code - 0xdc00) : Buffer.from(character, 'utf8'))
  }
  return Buffer.concat(parts)
}

/** Bytes of the valid UTF-8 sequence at `at`; 0 where there is none. */
function sequenceLength(buffer: Buffer, at: number): number {
  for (let length = 1; length <= 4 && at + length <= buffer.length; length++) {
    if (isUtf8(buffer.subarray(at, at + length))) return length
  }
  return 0
}
