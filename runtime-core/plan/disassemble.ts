// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../errors.ts'
import { HEADER_BYTES, OP_BYTES, PLAN_MAGIC, PLAN_VERSION } from './assemble.ts'
import { ABSENT, OPS, type Op, type Operand, type OpName, type Plan, SLOT_COUNT } from './ops.ts'

const NAMES = new Map<number, OpName>(Object.entries(OPS).map(([name, spec]) => [spec.code, name as OpName]))

/**
 * Reads an assembled plan back. Strings come back as strings where they are valid UTF-8.
 *
 * @throws GantryError `invalid_argument` where the bytes are no plan of this version or point outside themselves.
 */
export function disassemble(bytes: Uint8Array): Plan {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.length < HEADER_BYTES || view.readUInt32LE(0) !== PLAN_MAGIC) throw malformed('no plan header')
  if (view.readUInt32LE(4) !== PLAN_VERSION)
    throw malformed(`version ${view.readUInt32LE(4)}, expected ${PLAN_VERSION}`)
  if (view.readUInt32LE(8) !== view.length) throw malformed(`size ${view.readUInt32LE(8)}, but ${view.length} bytes`)
  const counts = [view.readUInt32LE(12), view.readUInt32LE(16), view.readUInt32LE(20)] as const
  const blob: Blob = { view, first: HEADER_BYTES + counts.reduce((sum, count) => sum + count, 0) * OP_BYTES }
  let index = 0
  const section = (count: number): Op[] =>
    Array.from({ length: count }, () => {
      const at = HEADER_BYTES + index++ * OP_BYTES
      if (at + OP_BYTES > view.length) throw malformed(`operation ${index - 1} is outside the plan`)
      return readOp(blob, at)
    })
  return {
    cloneFlags: view.readBigUInt64LE(24),
    prepare: section(counts[0]),
    parent: section(counts[1]),
    child: section(counts[2]),
  }
}

/** The plan, and where its strings and data begin: behind the operations. */
interface Blob {
  readonly view: Buffer
  readonly first: number
}

function readOp(blob: Blob, at: number): Op {
  const { view } = blob
  const name = NAMES.get(view.readUInt16LE(at))
  if (name === undefined) throw malformed(`unknown operation ${view.readUInt16LE(at)}`)
  const tolerate = [view.readUInt16LE(at + 2), view.readUInt16LE(at + 4)].filter((errno) => errno !== 0)
  let word = at + 8
  const args = OPS[name].operands.map((operand: Operand) => {
    const first = view.readBigUInt64LE(word)
    const second = operand.kind === 'data' ? view.readBigUInt64LE(word + 8) : 0n
    word += operand.kind === 'data' ? 16 : 8
    const isMissing = first === ABSENT && (operand.kind === 'str' || operand.kind === 'slot')
    if (isMissing) throw malformed(`${name}.${operand.name} is missing`)
    return decode(blob, operand, first, second)
  })
  return { name, args, tolerate }
}

function decode(blob: Blob, operand: Operand, first: bigint, second: bigint): Op['args'][number] {
  switch (operand.kind) {
    case 'u64':
      return first
    case 'slot':
    case 'oslot':
      return first === ABSENT ? undefined : slotNumber(first)
    case 'str':
    case 'ostr':
      return first === ABSENT ? undefined : text(blob, first)
    case 'data':
      return blob.view.subarray(within(blob, first), within(blob, first + second))
    case 'strv':
      return strings(blob, first)
  }
}

function slotNumber(value: bigint): number {
  if (value >= BigInt(SLOT_COUNT)) throw malformed(`slot ${value} does not exist`)
  return Number(value)
}

function strings(blob: Blob, at: bigint): string[] {
  const found: string[] = []
  for (let word = within(blob, at); word + 8 <= blob.view.length; word += 8) {
    const offset = blob.view.readBigUInt64LE(word)
    if (offset === 0n) return found
    found.push(text(blob, offset))
  }
  throw malformed('an array of strings has no end')
}

function text(blob: Blob, at: bigint): string {
  const start = within(blob, at)
  const end = blob.view.indexOf(0, start)
  if (end < 0) throw malformed('a string has no end')
  return blob.view.toString('utf8', start, end)
}

function within({ view, first }: Blob, at: bigint): number {
  if (at < BigInt(first) || at > BigInt(view.length)) throw malformed(`offset ${at} is outside the plan`)
  return Number(at)
}

function malformed(reason: string): GantryError {
  return new GantryError('invalid_argument', { action: 'read plan', reason })
}
