// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { GantryError } from '../../runtime-core/errors.ts'

/** What a dynamic program wants loaded with it. */
export interface ElfNeeds {
  /** Path of the dynamic linker, absent in a static program and in most libraries. */
  readonly interpreter?: string
  /** Names of the libraries of `DT_NEEDED`. */
  readonly libraries: readonly string[]
}

const PT_LOAD = 1
const PT_DYNAMIC = 2
const PT_INTERP = 3
const DT_NEEDED = 1n
const DT_STRTAB = 5n

interface Segment {
  readonly type: number
  readonly offset: number
  readonly address: number
  readonly size: number
}

/** Reads interpreter and needed libraries of a 64-bit little-endian ELF file; `invalid_argument` for anything else. */
export async function readElfNeeds(path: string): Promise<ElfNeeds> {
  const file = await readFile(path)
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) {
    throw new GantryError('invalid_argument', { action: 'read elf file', subject: path, reason: 'not 64-bit ELF' })
  }
  const segments = segmentsOf(file)
  const interp = segments.find((segment) => segment.type === PT_INTERP)
  const dynamic = segments.find((segment) => segment.type === PT_DYNAMIC)
  const libraries = dynamic === undefined ? [] : neededBy(file, segments, dynamic)
  if (interp === undefined) return { libraries }
  return { interpreter: stringAt(file, interp.offset), libraries }
}

function segmentsOf(file: Buffer): Segment[] {
  const start = Number(file.readBigUInt64LE(32))
  const size = file.readUInt16LE(54)
  return Array.from({ length: file.readUInt16LE(56) }, (_, index) => {
    const at = start + index * size
    return {
      type: file.readUInt32LE(at),
      offset: Number(file.readBigUInt64LE(at + 8)),
      address: Number(file.readBigUInt64LE(at + 16)),
      size: Number(file.readBigUInt64LE(at + 32)),
    }
  })
}

function neededBy(file: Buffer, segments: readonly Segment[], dynamic: Segment): string[] {
  const needed: number[] = []
  let strings = 0
  for (let at = dynamic.offset; at + 16 <= dynamic.offset + dynamic.size; at += 16) {
    const tag = file.readBigInt64LE(at)
    const value = Number(file.readBigUInt64LE(at + 8))
    if (tag === DT_NEEDED) needed.push(value)
    if (tag === DT_STRTAB) strings = offsetOf(segments, value)
  }
  return needed.map((offset) => stringAt(file, strings + offset))
}

// The string table is given by its address in memory; the load segment around it tells where that is in the file.
function offsetOf(segments: readonly Segment[], address: number): number {
  const around = segments.find(
    (segment) => segment.type === PT_LOAD && address >= segment.address && address < segment.address + segment.size,
  )
  return around === undefined ? address : address - around.address + around.offset
}

function stringAt(file: Buffer, offset: number): string {
  const end = file.indexOf(0, offset)
  return file.toString('latin1', offset, end === -1 ? file.length : end)
}
