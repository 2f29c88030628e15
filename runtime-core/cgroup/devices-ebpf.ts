// SPDX-License-Identifier: Apache-2.0

import { ACCESS, type DeviceException, type DeviceKind, type DevicePolicy } from './devices.ts'

/** eBPF opcodes used (linux/bpf.h): class | size or operation | source. */
const LOAD_WORD = 0x61 // r[dst] = *(u32 *)(r[src] + off)
const MOVE = 0xb7 // r[dst] = imm
const MOVE_REGISTER = 0xbf // r[dst] = r[src]
const AND = 0x57 // r[dst] &= imm
const SHIFT_RIGHT = 0x77 // r[dst] >>= imm
const JUMP = 0x05 // skip off
const JUMP_IF_NOT = 0x55 // if r[dst] != imm: skip off
const JUMP_IF = 0x15 // if r[dst] == imm: skip off
const EXIT = 0x95

/** What the registers hold; r1 is the context at entry and scratch afterwards. */
const VERDICT = 0
const CONTEXT = 1
const SCRATCH = 1
const TYPE = 2
const REQUESTED = 3
const MAJOR = 4
const MINOR = 5

/** BPF_DEVCG_DEV_* of linux/bpf.h. */
const KIND = { b: 1, c: 2 } as const

interface Instruction {
  readonly code: number
  readonly dst?: number
  readonly src?: number
  readonly off?: number
  readonly imm?: number
  /** Where a jump goes: the place of this label. */
  readonly to?: Label
}

/** A place in the program, by identity. */
interface Label {
  readonly label: string
}

type Line = Instruction | Label

/**
 * A program of type BPF_PROG_TYPE_CGROUP_DEVICE that enforces a policy: it returns 1 to allow and 0 to answer EPERM.
 * Undefined where the policy allows everything, which needs no program.
 *
 * An allowing exception must cover all that is asked for; a denying one refuses when it covers any of it. (runc's
 * programs want full coverage of both, so that `deny w` lets an open for reading and writing pass.)
 *
 * Exceptions are grouped by kind and major number, and a group that matched leads nowhere but to the default: a plain
 * list has the kernel's verifier follow a path for each pair of exceptions, 400,000 steps for 500 of them.
 */
export function compileDeviceProgram({ allowByDefault, exceptions }: DevicePolicy): Uint8Array | undefined {
  if (allowByDefault && exceptions.length === 0) return undefined
  const otherwise: Label = { label: 'default' }
  const allow = !allowByDefault
  const groups = (['c', 'b'] as const).flatMap((kind) => {
    const own = exceptions.filter((exception) => exception.kind === kind)
    return own.length === 0 ? [] : kindGroup(kind, own, allow, otherwise)
  })
  return encode([...loadContext(), ...groups, otherwise, ...verdict(allowByDefault)])
}

/** struct bpf_cgroup_dev_ctx { u32 access_type; u32 major; u32 minor; }: access in the upper half, type in the lower. */
function loadContext(): Instruction[] {
  return [
    { code: LOAD_WORD, dst: TYPE, src: CONTEXT, off: 0 },
    { code: MOVE_REGISTER, dst: REQUESTED, src: TYPE },
    { code: AND, dst: TYPE, imm: 0xffff },
    { code: SHIFT_RIGHT, dst: REQUESTED, imm: 16 },
    { code: LOAD_WORD, dst: MAJOR, src: CONTEXT, off: 4 },
    { code: LOAD_WORD, dst: MINOR, src: CONTEXT, off: 8 },
  ]
}

/** Those for any major number first, then a group for each. */
function kindGroup(kind: DeviceKind, own: readonly DeviceException[], allow: boolean, otherwise: Label): Line[] {
  const next: Label = { label: `after ${kind}` }
  const majors = [...new Set(own.map(({ major }) => major))].filter((major) => major !== undefined)
  return [
    { code: JUMP_IF_NOT, dst: TYPE, imm: KIND[kind], to: next },
    ...own.filter(({ major }) => major === undefined).flatMap((exception) => test(exception, allow)),
    ...majors.flatMap((major) =>
      majorGroup(
        major,
        own.filter((exception) => exception.major === major),
        allow,
        otherwise,
      ),
    ),
    { code: JUMP, to: otherwise },
    next,
  ]
}

/** The one for any minor number first: after an exact one no other can match. */
function majorGroup(major: number, own: readonly DeviceException[], allow: boolean, otherwise: Label): Line[] {
  const next: Label = { label: `after ${major}` }
  return [
    { code: JUMP_IF_NOT, dst: MAJOR, imm: major, to: next },
    ...own.filter(({ minor }) => minor === undefined).flatMap((exception) => test(exception, allow)),
    ...own.filter(({ minor }) => minor !== undefined).flatMap((exception) => test(exception, allow, otherwise)),
    { code: JUMP, to: otherwise },
    next,
  ]
}

/** One exception, its kind and major number known to match. `mismatch`: where to go when only the access differs. */
function test({ minor, access }: DeviceException, allow: boolean, mismatch?: Label): Line[] {
  const next: Label = { label: 'next' }
  const lines: Line[] = []
  if (minor !== undefined) lines.push({ code: JUMP_IF_NOT, dst: MINOR, imm: minor, to: next })
  if (access !== ACCESS.all) {
    lines.push({ code: MOVE_REGISTER, dst: SCRATCH, src: REQUESTED })
    lines.push({ code: AND, dst: SCRATCH, imm: allow ? ACCESS.all & ~access : access })
    lines.push({ code: allow ? JUMP_IF_NOT : JUMP_IF, dst: SCRATCH, imm: 0, to: mismatch ?? next })
  }
  return [...lines, ...verdict(allow), next]
}

function verdict(allow: boolean): Instruction[] {
  return [{ code: MOVE, dst: VERDICT, imm: allow ? 1 : 0 }, { code: EXIT }]
}

/** Gives labels their places, and leaves out what nothing leads to: the verifier refuses unreachable instructions. */
function assemble(lines: readonly Line[]): { program: Instruction[]; places: Map<Label, number> } {
  const places = new Map<Label, number>()
  const targets = new Set<Label>()
  const program: Instruction[] = []
  let reachable = true
  for (const line of lines) {
    if ('label' in line) {
      places.set(line, program.length)
      reachable ||= targets.has(line)
    } else if (reachable) {
      program.push(line)
      if (line.to !== undefined) targets.add(line.to)
      reachable = line.code !== EXIT && line.code !== JUMP
    }
  }
  return { program, places }
}

/** struct bpf_insn: u8 code; u8 dst:4, src:4; s16 off; s32 imm. Little-endian. */
function encode(lines: readonly Line[]): Uint8Array {
  const { program, places } = assemble(lines)
  const bytes = Buffer.alloc(program.length * 8)
  program.forEach(({ code, dst = 0, src = 0, off = 0, imm = 0, to }, n) => {
    bytes.writeUInt8(code, n * 8)
    bytes.writeUInt8((src << 4) | dst, n * 8 + 1)
    bytes.writeInt16LE(to === undefined ? off : (places.get(to) ?? Number.NaN) - n - 1, n * 8 + 2)
    bytes.writeInt32LE(imm, n * 8 + 4)
  })
  return bytes
}
