// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../errors.ts'
import { bytesFromText } from '../spec/raw-text.ts'
import { ABSENT, OPS, type Op, type OperandKind, type Plan, SLOT_COUNT, WORDS_PER_OP } from './ops.ts'

/** "GPLN", little endian. */
export const PLAN_MAGIC = 0x4e4c5047
/** Raised whenever the table of operations changes its meaning; keeper and daemon of one plan agree on it. */
export const PLAN_VERSION = 1
export const HEADER_BYTES = 48
export const OP_BYTES = 8 + 8 * WORDS_PER_OP
/** The keeper refuses larger plans. */
export const MAX_PLAN_BYTES = 1 << 20
export const MAX_OPS = 2048

/**
 * Writes a plan in the form the keeper interprets: header, fixed-size operations, then strings and data they point to.
 *
 * @throws GantryError `invalid_argument` for a string with a NUL byte or a slot out of range; `resource_exhausted`
 * where the plan is larger than the keeper takes.
 */
export function assemble(plan: Plan): Uint8Array {
  const ops = [...plan.prepare, ...plan.parent, ...plan.child]
  if (ops.length > MAX_OPS) throw tooLarge(`${ops.length} operations, at most ${MAX_OPS}`)
  const blob = new Blob(HEADER_BYTES + ops.length * OP_BYTES)
  ops.forEach((operation, index) => {
    writeOp(blob, HEADER_BYTES + index * OP_BYTES, operation)
  })
  blob.u32(0, PLAN_MAGIC)
  blob.u32(4, PLAN_VERSION)
  blob.u32(12, plan.prepare.length)
  blob.u32(16, plan.parent.length)
  blob.u32(20, plan.child.length)
  blob.u64(24, plan.cloneFlags)
  return blob.finish()
}

function writeOp(blob: Blob, at: number, operation: Op): void {
  const spec = OPS[operation.name]
  blob.u16(at, spec.code)
  blob.u16(at + 2, operation.tolerate[0] ?? 0)
  blob.u16(at + 4, operation.tolerate[1] ?? 0)
  let word = at + 8
  spec.operands.forEach((operand, index) => {
    const words = encode(blob, operand.kind, operation.args[index], `${operation.name}.${operand.name}`)
    for (const value of words) {
      blob.u64(word, value)
      word += 8
    }
  })
}

function encode(blob: Blob, kind: OperandKind, value: Op['args'][number], field: string): readonly bigint[] {
  switch (kind) {
    case 'u64':
      return [BigInt.asUintN(64, BigInt(value as number | bigint))]
    case 'slot':
    case 'oslot':
      return [value === undefined ? ABSENT : slotNumber(value as number, field)]
    case 'str':
    case 'ostr':
      return [value === undefined ? ABSENT : BigInt(blob.string(value as string | Uint8Array, field))]
    case 'data':
      return blob.data(value as string | Uint8Array)
    case 'strv':
      return [BigInt(blob.strings(value as readonly (string | Uint8Array)[], field))]
  }
}

function slotNumber(value: number, field: string): bigint {
  if (!Number.isInteger(value) || value < 0 || value >= SLOT_COUNT) {
    throw new GantryError('internal', {
      action: 'assemble plan',
      subject: field,
      reason: `slot ${value} is out of range`,
    })
  }
  return BigInt(value)
}

function tooLarge(reason: string): GantryError {
  return new GantryError('resource_exhausted', { action: 'assemble plan', reason: `plan is too large: ${reason}` })
}

/** A growing buffer of the plan's bytes; equal strings are stored once. */
class Blob {
  #bytes: Buffer
  /** Of the same bytes: Buffer's own methods are compiled anew by each process, a view's are not. */
  #view: DataView
  #used: number
  readonly #known = new Map<string, number>()

  constructor(reserved: number) {
    this.#bytes = Buffer.alloc(Math.max(16384, reserved * 2))
    this.#view = viewOf(this.#bytes)
    this.#used = reserved
  }

  u16(at: number, value: number): void {
    this.#view.setUint16(at, value, true)
  }

  u32(at: number, value: number): void {
    this.#view.setUint32(at, value, true)
  }

  u64(at: number, value: bigint): void {
    this.#view.setBigUint64(at, value, true)
  }

  string(value: string | Uint8Array, field: string): number {
    const key = typeof value === 'string' ? value : undefined
    const known = key === undefined ? undefined : this.#known.get(key)
    if (known !== undefined) return known
    const bytes = typeof value === 'string' ? bytesFromText(value) : value
    if (bytes.includes(0)) {
      throw new GantryError('invalid_argument', {
        action: 'assemble plan',
        subject: field,
        reason: `${JSON.stringify(Buffer.from(bytes).toString('utf8'))} has a NUL byte`,
      })
    }
    const at = this.#append(bytes, 1)
    if (key !== undefined) this.#known.set(key, at)
    return at
  }

  data(value: string | Uint8Array): readonly bigint[] {
    const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value
    this.#align()
    return [BigInt(this.#append(bytes, 0)), BigInt(bytes.length)]
  }

  strings(values: readonly (string | Uint8Array)[], field: string): number {
    const offsets = values.map((value) => this.string(value, field))
    this.#align()
    this.#reserve((offsets.length + 1) * 8)
    const at = this.#used
    offsets.forEach((offset, index) => {
      this.u64(at + index * 8, BigInt(offset))
    })
    this.#used = at + (offsets.length + 1) * 8
    return at
  }

  finish(): Uint8Array {
    // A terminating zero: whatever the last string is, the keeper finds its end inside the plan.
    this.#reserve(8)
    this.#used += 8
    if (this.#used > MAX_PLAN_BYTES) throw tooLarge(`${this.#used} bytes, at most ${MAX_PLAN_BYTES}`)
    this.u32(8, this.#used)
    return this.#bytes.subarray(0, this.#used)
  }

  #append(bytes: Uint8Array, terminator: number): number {
    this.#reserve(bytes.length + terminator)
    const at = this.#used
    this.#bytes.set(bytes, at)
    this.#used += bytes.length + terminator
    return at
  }

  #align(): void {
    this.#reserve(8)
    this.#used = (this.#used + 7) & ~7
  }

  #reserve(count: number): void {
    if (this.#used + count <= this.#bytes.length) return
    const larger = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#used + count))
    larger.set(this.#bytes.subarray(0, this.#used))
    this.#bytes = larger
    this.#view = viewOf(larger)
  }
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length)
}
