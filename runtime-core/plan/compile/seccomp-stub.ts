// SPDX-License-Identifier: Apache-2.0

/** What libc expects of a kernel too old for a system call. */
export const ENOSYS = 38

const SECCOMP_RET_ERRNO = 0x0005_0000
/** struct seccomp_data: int nr; __u32 arch; … */
const OFFSET_NR = 0
const OFFSET_ARCH = 4
/** x32 shares AUDIT_ARCH_X86_64 and marks its numbers with this bit (asm/unistd.h). */
const X32_BIT = 0x4000_0000
const AUDIT_ARCH_X86_64 = 0xc000_003e
const INSTRUCTION_BYTES = 8

/** Classic BPF opcodes (linux/bpf_common.h). */
const LOAD_WORD = 0x20
const JUMP_ALWAYS = 0x05
const JUMP_IF_EQUAL = 0x15
const JUMP_IF_GREATER = 0x25
const JUMP_IF_SET = 0x45
const RETURN = 0x06

/** One `struct sock_filter`. */
export interface BpfInstruction {
  readonly code: number
  /** Instructions to skip when the condition holds. */
  readonly jt: number
  readonly jf: number
  readonly k: number
}

/** The highest system call number a profile names, per libseccomp architecture token. */
export type LastSyscalls = ReadonlyMap<number, number>

/** Token of x32: EM_X86_64 with the little-endian bit. */
const SCMP_ARCH_X32 = 0x4000_003e

/**
 * The prologue that answers ENOSYS for system calls newer than any the profile knows. Without it they would meet the
 * default action (EPERM), which libc takes for a refusal instead of trying its older way: a profile written before
 * clone3 or openat2 would break every newer libc. runc prepends the same (libcontainer/seccomp/patchbpf).
 *
 * One section per audit architecture; what no section answers falls through to the filter that follows.
 */
export function enosysStub(last: LastSyscalls): BpfInstruction[] {
  const sections = [...groupByAuditArchitecture(last)].map(([audit, limits]) => section(audit, limits))
  const total = sections.reduce((sum, { length }) => sum + length, 1)
  if (sections.length === 0) return []
  const stub: BpfInstruction[] = [load(OFFSET_ARCH)]
  for (const body of sections) {
    for (const instruction of body) {
      const leaves = instruction.code === JUMP_ALWAYS
      stub.push(leaves ? { ...instruction, k: total - stub.length - 1 } : instruction)
    }
  }
  return stub
}

/** The bytes of a program, in this machine's (little-endian) order. */
export function encodeBpf(program: readonly BpfInstruction[]): Uint8Array {
  const bytes = Buffer.alloc(program.length * INSTRUCTION_BYTES)
  program.forEach(({ code, jt, jf, k }, n) => {
    bytes.writeUInt16LE(code, n * INSTRUCTION_BYTES)
    bytes.writeUInt8(jt, n * INSTRUCTION_BYTES + 2)
    bytes.writeUInt8(jf, n * INSTRUCTION_BYTES + 3)
    bytes.writeUInt32LE(k, n * INSTRUCTION_BYTES + 4)
  })
  return bytes
}

interface Limits {
  readonly native?: number
  readonly x32?: number
}

function groupByAuditArchitecture(last: LastSyscalls): Map<number, Limits> {
  const groups = new Map<number, Limits>()
  for (const [token, number] of last) {
    const audit = token === SCMP_ARCH_X32 ? AUDIT_ARCH_X86_64 : token
    groups.set(audit, { ...groups.get(audit), ...(token === SCMP_ARCH_X32 ? { x32: number } : { native: number }) })
  }
  return groups
}

/** Skips itself unless the architecture matches. JUMP_ALWAYS stands for "to the filter"; the caller sets its distance. */
function section(audit: number, { native, x32 }: Limits): BpfInstruction[] {
  const body = native !== undefined && x32 !== undefined ? bothAbis(native, x32) : oneAbi(native ?? x32 ?? Number.NaN)
  return [jump(JUMP_IF_EQUAL, audit, 0, body.length), ...body]
}

function oneAbi(last: number): BpfInstruction[] {
  return [load(OFFSET_NR), jump(JUMP_IF_GREATER, last, 0, 1), refuse(), toFilter()]
}

/** x86-64 and x32 in one profile: the bit decides which limit counts. */
function bothAbis(native: number, x32: number): BpfInstruction[] {
  return [
    load(OFFSET_NR),
    jump(JUMP_IF_SET, X32_BIT, 1, 0),
    jump(JUMP_IF_GREATER, native, 1, 2),
    jump(JUMP_IF_GREATER, x32, 0, 1),
    refuse(),
    toFilter(),
  ]
}

const load = (offset: number): BpfInstruction => ({ code: LOAD_WORD, jt: 0, jf: 0, k: offset })
const jump = (code: number, k: number, jt: number, jf: number): BpfInstruction => ({ code, jt, jf, k })
const refuse = (): BpfInstruction => ({ code: RETURN, jt: 0, jf: 0, k: SECCOMP_RET_ERRNO | ENOSYS })
const toFilter = (): BpfInstruction => ({ code: JUMP_ALWAYS, jt: 0, jf: 0, k: 0 })
